"""Looking into runs: every view of every translator, and what is said where one cannot be shown."""

import math

import altair as alt
import numpy as np
import pytest
import torch
from tiny_runs import RECURRENT, SOURCES, TRANSLATORS, language_results_of, results_of, tiny_language_run, tiny_run

from gyebo.data.batching import TokenSequences
from gyebo.errors import UsageError
from gyebo.storage import write_json, write_text
from gyebo.views.look import lacking, look, views_of
from gyebo.views.looks import VIEWS
from gyebo.views.looks.gradients import STATE, VECTOR
from gyebo.views.looks.reading import last_loss, reader, reading

TEXT = "the dog sees a cat"
TOKENS = ["▁the", "▁dog", "▁sees", "▁a", "▁cat", "<eos>"]
GATES = {
    "bahdanau": {"reset", "update", "candidate", "hidden"},
    "luong": {"input", "forget", "candidate", "output", "cell", "hidden"},
    "rnn-encoder-decoder": {"reset", "update", "candidate", "hidden"},
    "seq2seq": {"input", "forget", "candidate", "output", "cell", "hidden"},
}
READS_BACKWARDS = ("luong", "seq2seq")
OF_IMAGES = ("filters", "edges", "feature-maps", "receptive-field", "grad-cam", "depth", "decision-regions", "segmentation")
"""views of runs on images, which no run on text has"""
MISSING = {
    "bahdanau": {"heads", "decoder-heads", "positions"},
    "luong": {"heads", "decoder-heads", "positions"},
    "rnn-encoder-decoder": {"alignment", "cross-attention", "heads", "decoder-heads", "entropy", "positions"},
    "seq2seq": {"alignment", "cross-attention", "heads", "decoder-heads", "entropy", "positions"},
    "transformer": {"gates", "decoder-gates"},
}
WITHOUT_INPUT = ("curves", "positions")


@pytest.fixture(scope="module", params=TRANSLATORS)
def run(request, tmp_path_factory):
    return tiny_run(tmp_path_factory.mktemp("runs") / request.param, request.param)


@pytest.fixture(scope="module")
def aligning(tmp_path_factory):
    return tiny_run(tmp_path_factory.mktemp("runs") / "tiny")


def test_the_views_of_a_run_are_those_that_can_be_drawn(run):
    missing = {*MISSING[run.name], *OF_IMAGES}
    assert list(views_of(run)) == [name for name in VIEWS if name not in missing]
    for view, reason in lacking(run).items():
        assert (reason is None) == (view not in missing)
        assert reason is None or (f"{run.task_name!r}" if view in OF_IMAGES else run.name) in reason
    for view in views_of(run):
        figure = look(run, view, [] if view in WITHOUT_INPUT else [TEXT])
        alt.Chart.from_dict(figure.spec)  # raises where it does not follow the schema
        assert figure.spec["description"] == figure.caption


@pytest.fixture(scope="module", params=RECURRENT)
def recurrent(request, tmp_path_factory):
    return tiny_run(tmp_path_factory.mktemp("runs") / request.param, request.param)


def test_gates_stand_at_the_tokens_in_the_order_in_which_they_are_read(recurrent):
    run = recurrent
    figure = look(run, "gates", [TEXT])
    read = [*TOKENS[-2::-1], TOKENS[-1]] if run.name in READS_BACKWARDS else TOKENS
    assert figure.data["tokens"] == read
    assert set(figure.data["gates"]) == GATES[run.name]
    assert "'encoder'" in figure.caption
    assert ("forward direction" in figure.caption) == (run.name == "bahdanau")


def test_gates_of_a_decoder_stand_at_the_tokens_that_it_has_read(recurrent):
    figure = look(recurrent, "decoder-gates", [TEXT])
    written = recurrent.predict([TEXT])[0].output_tokens
    assert figure.data["tokens"] == ["<bos>", *written[:-1]]
    assert set(figure.data["gates"]) == GATES[recurrent.name]
    assert "decoder" in figure.caption


def test_gradients_have_a_norm_for_every_token_read(run):
    norms = look(run, "gradients", [TEXT]).data["norms"]
    assert list(norms) == ([VECTOR] if run.name == "transformer" else [VECTOR, STATE])
    for line in norms.values():
        assert len(line) == len(TOKENS)
        assert all(math.isfinite(norm) and norm > 0 for norm in line)
    assert all(parameter.grad is None for parameter in run.model.parameters())


def test_the_gradient_at_a_vector_is_what_a_moved_vector_shows(tmp_path):
    """Of a Transformer whose source embedding is moved at one place, in double precision."""
    run = tiny_run(tmp_path / "run", "transformer")
    run.model.double()
    norms = look(run, "gradients", [TEXT]).data["norms"][VECTOR]
    text = reading(run, TEXT)
    following = text.write()
    moved = torch.zeros(1, len(TOKENS), run.model.source_embedding.weight.shape[1], dtype=torch.float64)

    def loss():
        hook = run.model.source_embedding.register_forward_hook(lambda module, arguments, output: output + moved)
        try:
            return last_loss(text, following).item()
        finally:
            hook.remove()

    for back in (0, 3):
        slopes = []
        for unit in range(moved.shape[-1]):
            ends = []
            for sign in (1, -1):
                moved[0, -1 - back, unit] = sign * 1e-5
                ends.append(loss())
            moved.zero_()
            slopes.append((ends[0] - ends[1]) / 2e-5)
        assert norms[back] == pytest.approx(math.hypot(*slopes), rel=1e-5)


def test_the_gradient_at_the_last_state_is_that_of_what_the_decoder_reads(tmp_path):
    """Cho's decoder sees the source through the last state alone, so the chain rule can be checked from outside."""
    run = tiny_run(tmp_path / "run", "rnn-encoder-decoder")
    norms = look(run, "gradients", [TEXT]).data["norms"][STATE]
    model, source = run.model, reading(run, TEXT).tokens
    seen = []
    handle = model.encoder.register_forward_hook(lambda module, arguments, output: seen.append(output[1]))
    try:
        [best, *_] = run.task.translate(model, TokenSequences.of(source.tolist()), run.task.config.decoding, "cpu", lambda: None)
        seen.clear()
        target = torch.tensor([[2, *best[0].tokens[:-1]]])
        logits = model(source, torch.tensor([source.shape[1]]), target)
    finally:
        handle.remove()
    loss = torch.nn.functional.cross_entropy(logits[:, -1], torch.tensor(best[0].tokens[-1:]))
    [gradient] = torch.autograd.grad(loss, seen[0])
    assert norms[0] == pytest.approx(gradient.norm().item(), rel=1e-4)


def test_an_alignment_shows_every_input_with_its_own_prediction(aligning):
    figure = look(aligning, "alignment", [TEXT, "the cat sleeps"])
    predictions = aligning.predict([TEXT, "the cat sleeps"])
    assert [example["source_tokens"] for example in figure.data["examples"]] == [TOKENS, ["▁the", "▁cat", "▁sleeps", "<eos>"]]
    for example, prediction in zip(figure.data["examples"], predictions, strict=True):
        assert example["target_tokens"] == prediction.output_tokens
        np.testing.assert_allclose(example["weights"], prediction.alignment, atol=1e-6)


def test_without_inputs_the_samples_of_the_run_are_shown(tmp_path):
    run = tiny_run(tmp_path / "run")
    for view in ("alignment", "cross-attention", "entropy", "gates", "decoder-gates", "gradients"):
        with pytest.raises(UsageError, match=r"no samples yet, because its training has not ended. Give an input"):
            look(run, view)
    write_json(run.folder.results, results_of(run) | {"samples": []})
    with pytest.raises(UsageError, match=r"has no samples of its test split. Give an input"):
        look(run, "gates")
    write_json(run.folder.results, results_of(run))
    assert len(look(run, "alignment").data["examples"]) == 4
    assert look(run, "gates").data["tokens"] == ["▁the", "▁cat", "▁sleeps", "<eos>"]
    assert look(run, "cross-attention").data["layers"][0]["columns"] == ["▁the", "▁cat", "▁sleeps", "<eos>"]
    assert look(run, "entropy").data["texts"] == 4
    assert SOURCES[0] in look(run, "gradients").caption


def test_an_unknown_view_is_named_with_the_nearest(aligning):
    with pytest.raises(UsageError, match=r"no view 'gate'. Did you mean 'gates'\?"):
        look(aligning, "gate", [TEXT])
    with pytest.raises(UsageError, match="Known are: alignment, cross-attention, curves, decision-regions, decoder-gates"):
        look(aligning, "wormhole", [TEXT])


def test_a_view_that_a_run_cannot_show_says_why_and_what_it_can(tmp_path):
    run = tiny_run(tmp_path / "run", "seq2seq")
    with pytest.raises(
        UsageError, match=r"cannot show 'alignment', because its architecture 'seq2seq' does not align. It can show: curves, gates,"
    ):
        look(run, "alignment", [TEXT])
    write_text(run.folder.path / "metrics.jsonl", "")
    with pytest.raises(
        UsageError, match=r"because its metrics.jsonl holds no record yet. It can show: gates, decoder-gates, gradients\."
    ):
        look(run, "curves")


def test_a_run_without_weights_shows_its_curves_only(tmp_path):
    run = tiny_run(tmp_path / "run")
    run.folder.model.unlink()
    assert views_of(run) == ("curves",)
    with pytest.raises(UsageError, match="because it has no weights yet"):
        look(run, "gates", [TEXT])
    assert all(
        reason == "it has no weights yet: it has not reached its first evaluation"
        for view, reason in lacking(run).items()
        if view != "curves" and view not in OF_IMAGES
    )


@pytest.mark.parametrize(
    ("view", "inputs", "message"),
    [
        ("curves", [TEXT], "takes no input"),
        ("gates", TEXT, "is one string"),
        ("gates", ["  "], "holds no token"),
        ("gradients", ["  "], "holds no token"),
        ("alignment", [TEXT, "  "], "holds no token"),
        ("gates", ["cat " * 300], "301 tokens, and a figure holds at most 256"),
        ("gradients", ["cat " * 300], "301 tokens, and a figure holds at most 256"),
        ("alignment", ["cat " * 300], "301 tokens, and a figure holds at most 256"),
        ("decoder-gates", ["cat " * 300], "301 tokens, and a figure holds at most 256"),
        ("entropy", [TEXT, "cat " * 300], "301 tokens, and a figure holds at most 256"),
        ("cross-attention", ["cat " * 40], "41 tokens, and a figure holds at most 40"),
    ],
)
def test_inputs_that_cannot_be_drawn_are_refused(aligning, view, inputs, message):
    with pytest.raises(UsageError, match=message):
        look(aligning, view, inputs)


def test_looking_leaves_the_model_as_it_was(run):
    before = {name: tensor.clone() for name, tensor in run.model.state_dict().items()}
    for view in views_of(run):
        look(run, view, [] if view in WITHOUT_INPUT else [TEXT])
    assert all(torch.equal(tensor, before[name]) for name, tensor in run.model.state_dict().items())
    assert not run.model.training
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in run.model.modules())


def test_what_reads_is_found_whatever_its_kind(run):
    found = reader(run.model, reading(run, TEXT))
    assert found.embedding is run.model.source_embedding
    assert found.layer is (None if run.name == "transformer" else run.model.encoder)


@pytest.mark.parametrize("name", ["rnn", "lstm", "gru"])
def test_a_language_model_is_looked_into_as_it_reads(name, tmp_path):
    run = tiny_language_run(tmp_path / name, name)
    assert list(views_of(run)) == ["curves", "gates", "gradients"]
    figure = look(run, "gates", [TEXT])
    assert figure.data["tokens"] == ["<bos>", *TOKENS[:-1]], "it reads what stands before each token that it predicts"
    for norms in look(run, "gradients", [TEXT]).data["norms"].values():
        assert len(norms) == len(TOKENS)
        assert all(norm > 0 for norm in norms)
    with pytest.raises(UsageError, match=r"because its task is 'language' and not 'translate'"):
        look(run, "alignment", [TEXT])


@pytest.mark.parametrize(
    ("text", "message"), [("  ", "holds no token"), ("cat " * 300, "301 tokens, and a figure holds at most 256")]
)
def test_texts_that_a_language_model_cannot_be_watched_reading_are_refused(tmp_path, text, message):
    with pytest.raises(UsageError, match=message):
        look(tiny_language_run(tmp_path / "run"), "gates", [text])


def test_without_inputs_a_language_model_reads_the_beginnings_of_its_samples(tmp_path):
    run = tiny_language_run(tmp_path / "run")
    write_json(run.folder.results, language_results_of(run))
    assert look(run, "gates").data["tokens"] == ["<bos>", "▁the"]
    assert "'the'" in look(run, "gradients").caption
