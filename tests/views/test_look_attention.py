"""Views of attention and positions: what they show is what the model computes."""

import math

import numpy as np
import pytest
import torch
from tiny_runs import SOURCES, results_of, tiny_language_run, tiny_run

from gyebo.errors import UsageError
from gyebo.layers.positions import sinusoids
from gyebo.models.interfaces import BEGIN
from gyebo.storage import write_json
from gyebo.views.look import look
from gyebo.views.looks import attention
from gyebo.views.looks.reading import reading
from gyebo.views.recorder import record

TEXT = "the dog sees a cat"
TOKENS = ["▁the", "▁dog", "▁sees", "▁a", "▁cat", "<eos>"]
HEADS, LAYERS = 3, 2
TRANSFORMERS = ("transformer", "transformer-pre-norm", "transformer-learned-positions", "transformer-rotary")


@pytest.fixture(scope="module", params=TRANSFORMERS)
def run(request, tmp_path_factory):
    return tiny_run(tmp_path_factory.mktemp("runs") / request.param, request.param)


def inside(run) -> dict:
    """The weights of every attention, recorded by a pass of our own over what the model wrote."""
    text = reading(run, TEXT)
    target = torch.tensor([[BEGIN, *text.write()[:-1]]])
    with torch.inference_mode():
        _, calls = record(run.model, lambda: run.model(text.tokens, torch.tensor([len(TOKENS)]), target))
    return {path: each[0].inside["weights"][0].numpy() for path, each in calls.items() if "weights" in each[0].inside}


@pytest.mark.parametrize(
    ("view", "name"),
    [
        ("heads", "encoder.{}.attention"),
        ("decoder-heads", "decoder.{}.masked_attention"),
        ("cross-attention", "decoder.{}.cross_attention"),
    ],
)
def test_all_heads_of_all_layers_stand_under_their_module(run, view, name):
    figure, expected = look(run, view, [TEXT]), inside(run)
    layers = figure.data["layers"]
    assert [layer["module"] for layer in layers] == [name.format(number) for number in range(LAYERS)]
    heads = [f"head {number}" for number in range(1, HEADS + 1)]
    for layer in layers:
        assert list(layer["heads"]) == heads + (["mean"] if view == "cross-attention" else [])
        maps = [layer["heads"][head] for head in heads]
        np.testing.assert_allclose(maps, expected[layer["module"]], atol=1e-6)
        np.testing.assert_allclose(layer["heads"].get("mean", np.mean(maps, 0)), np.mean(maps, 0), atol=1e-6)
    assert TEXT in figure.caption


def test_rows_and_columns_are_the_tokens_that_look_and_are_looked_at(run):
    written = run.predict([TEXT])[0].output_tokens
    before = ["<bos>", *written[:-1]]
    for view, rows, columns in (("heads", TOKENS, TOKENS), ("decoder-heads", before, before), ("cross-attention", written, TOKENS)):
        layer = look(run, view, [TEXT]).data["layers"][0]
        assert (layer["rows"], layer["columns"]) == (rows, columns)


def test_a_decoder_does_not_look_ahead(run):
    for layer in look(run, "decoder-heads", [TEXT]).data["layers"]:
        for weights in layer["heads"].values():
            assert not np.triu(weights, 1).any()


def test_the_mean_of_the_last_layer_is_the_alignment_of_the_search(run):
    figure = look(run, "cross-attention", [TEXT])
    np.testing.assert_allclose(figure.data["layers"][-1]["heads"]["mean"], run.predict([TEXT])[0].alignment, atol=1e-5)


@pytest.mark.parametrize("name", ["bahdanau", "luong"])
def test_a_recurrent_decoder_has_one_head(name, tmp_path):
    run = tiny_run(tmp_path / name, name)
    [layer] = look(run, "cross-attention", [TEXT]).data["layers"]
    assert list(layer["heads"]) == ["head 1"]
    np.testing.assert_allclose(layer["heads"]["head 1"], run.predict([TEXT])[0].alignment, atol=1e-5)
    [group] = [group for group in look(run, "entropy", [TEXT]).data["groups"] if group["layers"]]
    assert group["attention"] == "attention to the source"


def test_entropy_is_that_of_the_weights(run):
    groups = look(run, "entropy", [TEXT]).data["groups"]
    assert [group["attention"] for group in groups] == ["self-attention", "masked self-attention", "attention to the source"]
    expected = inside(run)
    for group in groups:
        for layer in group["layers"]:
            weights = expected[layer["module"]].astype(float)
            bits = -np.where(weights > 0, weights * np.log2(np.where(weights > 0, weights, 1)), 0).sum(-1).mean(-1)
            np.testing.assert_allclose(layer["heads"], bits, atol=1e-6)
            size = np.tril(np.ones_like(weights[0])).sum(-1) if "masked" in layer["module"] else len(TOKENS)
            assert layer["bound"] == pytest.approx(np.mean(np.log2(size)))


def test_entropy_of_several_texts_is_the_mean_over_all_their_tokens(run):
    texts = [TEXT, SOURCES[0]]
    alone = [look(run, "entropy", [text]).data["groups"][0]["layers"][0] for text in texts]
    together = look(run, "entropy", texts)
    sizes = [len(TOKENS), 4]
    for key in ("heads", "bound"):
        expected = np.average([np.array(each[key]) for each in alone], axis=0, weights=sizes)
        np.testing.assert_allclose(together.data["groups"][0]["layers"][0][key], expected)
    assert "2 texts" in together.caption


def test_positions_are_what_is_added_or_how_far_is_turned(run):
    tables = look(run, "positions").data["tables"]
    if run.name == "transformer-learned-positions":
        model = run.model
        for side, (title, table) in zip(("source", "target"), tables.items(), strict=True):
            weight = getattr(model, f"{side}_positions").weight
            assert title.startswith(f"{side}_positions: what is added")
            np.testing.assert_allclose(table["vectors"], weight[: len(table["vectors"])].detach())
        return
    [(title, table)] = tables.items()
    vectors = torch.tensor(table["vectors"])
    waves = sinusoids(torch.arange(64), vectors.shape[1])
    if run.name == "transformer-rotary":
        assert title.startswith("encoder.0.attention.rotation and 3 other places: cosine and sine")
        waves = waves.unflatten(1, (-1, 2)).flip(2).flatten(1)
    else:
        assert title.startswith("source_positions and target_positions: what is added")
    torch.testing.assert_close(vectors, waves, atol=1e-5, rtol=0)
    assert table["similarity"][0] == pytest.approx(1)


def test_positions_take_no_input(run):
    with pytest.raises(UsageError, match="same for every text and takes no input, but 'the dog sees a cat' came"):
        look(run, "positions", [TEXT])


def test_texts_too_long_for_maps_side_by_side_are_refused_and_samples_passed_over(tmp_path):
    run = tiny_run(tmp_path / "run", "transformer")
    for view in ("heads", "decoder-heads", "cross-attention"):
        with pytest.raises(UsageError, match="41 tokens, and a figure holds at most 40"):
            look(run, view, ["cat " * 40])
    results = results_of(run)
    results["samples"][0] |= {"input": "cat " * 40}
    write_json(run.folder.results, results)
    assert SOURCES[1] in look(run, "heads").caption
    write_json(run.folder.results, results | {"samples": results["samples"][:1]})
    with pytest.raises(UsageError, match="41 tokens, and a figure holds at most 40"):
        look(run, "heads")


def test_more_cells_than_a_browser_draws_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("gyebo.views.looks.head_maps.MAX_CELLS", HEADS * LAYERS * len(TOKENS) ** 2 - 1)
    with pytest.raises(UsageError, match="The heads of 'run' make 216 cells for this text, and a figure holds 215"):
        look(tiny_run(tmp_path / "run", "transformer"), "heads", [TEXT])


@pytest.mark.parametrize(
    ("view", "missing"),
    [
        ("heads", "has no self-attention"),
        ("decoder-heads", "has no masked self-attention"),
        ("cross-attention", "has no attention to the source"),
        ("entropy", "has no attention"),
        ("positions", "has no positional encoding: the order of reading is enough"),
    ],
)
def test_a_model_without_attention_says_so(view, missing, tmp_path):
    with pytest.raises(UsageError, match=f"because its architecture 'lstm' {missing}. It can show: curves, gates, gradients"):
        look(tiny_language_run(tmp_path / "run"), view, [] if view == "positions" else [TEXT])


def test_what_was_written_is_recorded_once_and_checked(run, monkeypatch):
    passes = []
    monkeypatch.setattr(attention, "record", lambda model, call: (passes.append(model), record(model, call))[1])
    found = attention.written(run.model, reading(run, TEXT))
    assert passes == [run.model]
    assert len(found.attentions) == 3 * LAYERS
    assert all(math.isclose(float(each.weights.sum(-1).mean()), 1, rel_tol=1e-5) for each in found.attentions)
