"""Decoding through compiled kernels is decoding by the model's own equations."""

from __future__ import annotations

import importlib.util
from contextlib import nullcontext
from dataclasses import replace

import pytest
import torch
from torch import nn

import gyebo
from gyebo.decoding import DecodingConfig, SamplingConfig, decode, fast_steps, score
from gyebo.errors import UsageError
from gyebo.layers import compiled_transformer
from gyebo.layers.compiled_transformer import FEWEST_SENTENCES, CompiledTransformer, kernels_are_used
from gyebo.layers.packed import PackedProducts

SOURCES, TARGETS = 31, 37
VARIANTS = {
    "transformer": {},
    "transformer-pre-norm": {"tied": "none"},
    "transformer-learned-positions": {"max_positions": 60},
    "transformer-rotary": {},
}
CLOSE = {"rtol": 0, "atol": 1e-5}  # float32: the same sums in another order


def model_of(name: str = "transformer", **changes: object) -> nn.Module:
    torch.manual_seed(0)
    sizes = {"source_vocabulary": SOURCES, "target_vocabulary": TARGETS, "width": 24, "num_heads": 3, "num_layers": 2}
    return gyebo.create(name, sizes | {"feed_forward_width": 20} | VARIANTS[name] | changes).eval()


def sources(*lengths: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator, sizes = torch.Generator().manual_seed(1), torch.tensor(lengths)
    source = torch.randint(4, SOURCES, (len(lengths), max(lengths)), generator=generator)
    return source.masked_fill(torch.arange(max(lengths)) >= sizes[:, None], 0), sizes


# Threads that meet at a counter wait long where cores have other work, such as other tests: a few steps on several of them are enough.
@pytest.mark.parametrize(
    ("name", "rows", "threads", "steps"),
    [
        *[(name, rows, 1, 40) for name in VARIANTS for rows in (1, 2, 5, 6, 13)],
        *[("transformer", rows, threads, 3) for rows in (1, 6, 13) for threads in (2, 3)],
    ],
)
def test_every_step_is_the_models(name, rows, threads, steps, monkeypatch):
    """Its probabilities, and its alignment; with sources of one token."""
    model, (source, lengths) = model_of(name), sources(*(1 + (3 * row) % 8 for row in range(rows)))
    generator = torch.Generator().manual_seed(2)
    monkeypatch.setattr("gyebo.layers.transformer_kernels.most_threads", lambda: threads)
    with torch.inference_mode():
        compiled = fast_steps(model)
        assert isinstance(compiled, CompiledTransformer)
        memory = model.encode(source, lengths)
        state = model.start(memory)
        with compiled:
            fast_memory = model.encode(source, lengths)
            fast_state = model.start(fast_memory)
        first_key = memory["keys.0"].transpose(1, 2).flatten(2)[memory["real"]]
        fast_keys = torch.from_numpy(fast_memory["sources"].numbers)[:, : first_key.shape[1]]
        torch.testing.assert_close(fast_keys, first_key, **CLOSE)
        for _ in range(steps):
            tokens = torch.randint(1, TARGETS, (rows,), generator=generator)
            logits, state = model.step(tokens, state, memory)
            with compiled:
                fast_logits, fast_state = model.step(tokens, fast_state, fast_memory)
            torch.testing.assert_close(fast_logits.log_softmax(-1), logits.log_softmax(-1), **CLOSE)
            torch.testing.assert_close(fast_state["alignment"], state["alignment"], **CLOSE)


SEARCHES = {
    "greedy": DecodingConfig(beam=1),
    "beam": DecodingConfig(beam=4, n_best=4),
    "beam with coverage": DecodingConfig(beam=3, coverage_penalty=0.2, patience=1.0),
    "samples": DecodingConfig(sampling=SamplingConfig(samples=3, top_k=20)),
}


def both(model: nn.Module, batch: tuple[torch.Tensor, torch.Tensor], config: DecodingConfig) -> tuple[list, list]:
    with fast_steps(model, None):
        fast = decode(model, *batch, config)
    return fast, decode(model, *batch, config)


@pytest.mark.parametrize("config", SEARCHES.values(), ids=list(SEARCHES))
@pytest.mark.parametrize("name", VARIANTS)
def test_whole_searches(name, config):
    """The batch shrinks from many rows to few: sentences reach their limits one after the other."""
    model, batch = model_of(name), sources(9, 1, 2, 3, 4, 5, 6, 7, 8, 2, 1, 3)
    config = replace(config, length_ratio=2.0, length_margin=1)
    fast, plain = both(model, batch, config)
    for mine, theirs in zip(fast, plain, strict=True):
        assert [item.tokens for item in mine] == [item.tokens for item in theirs]
        for item, other in zip(mine, theirs, strict=True):
            assert item.log_probability == pytest.approx(other.log_probability, abs=1e-4)
            torch.testing.assert_close(item.alignment, other.alignment, **CLOSE)


def test_translations_that_are_given_are_scored_as_ever():
    model, batch, target = model_of(), sources(5, 2), (torch.tensor([[7, 9, 3], [5, 3, 0]]), torch.tensor([3, 2]))
    plain = score(model, *batch, *target)
    with fast_steps(model):
        torch.testing.assert_close(score(model, *batch, *target), plain, **CLOSE)


def test_positions_end_where_the_models_do():
    model = model_of("transformer-learned-positions", max_positions=6)
    with fast_steps(model), pytest.raises(UsageError, match="longer than the 6 positions"):
        decode(model, *sources(3), DecodingConfig(beam=1, length_ratio=0.0, length_margin=9))


@pytest.mark.parametrize("token", [-1, SOURCES])
def test_what_is_no_token_is_refused(token):
    model = model_of()
    with fast_steps(model), torch.inference_mode(), pytest.raises(IndexError):
        model.encode(torch.tensor([[5, token]]), torch.tensor([2]))


REFUSED = {
    "gradients": (lambda model: model, nullcontext),
    "training": (lambda model: model.train(), torch.inference_mode),
    "autocast": (lambda model: model, lambda: torch.autocast("cpu", torch.bfloat16)),
}


@pytest.mark.parametrize("case", REFUSED)
def test_anything_but_inference_in_float32_is_the_models_own(case):
    prepare, context = REFUSED[case]
    model = prepare(model_of(dropout=0.0))
    with fast_steps(model), context():
        memory = model.encode(*sources(4, 2))
        assert "sources" not in memory
        logits, _ = model.step(torch.tensor([1, 1]), model.start(memory), memory)
    assert logits.requires_grad == (case != "training")


@pytest.mark.parametrize("change", [lambda model: model.double(), lambda model: model.bfloat16(), lambda model: model.to("meta")])
def test_other_weights_are_not_compiled(change):
    model = change(model_of())
    assert CompiledTransformer.of(model) is None
    assert isinstance(fast_steps(model), PackedProducts)


@pytest.mark.parametrize("changes", [{"width": 3}, {"num_heads": 1, "feed_forward_width": 1}])
def test_the_smallest_sizes(changes):
    fast, plain = both(model_of(**changes), sources(4, 1), DecodingConfig(beam=2))
    assert [[item.tokens for item in row] for row in fast] == [[item.tokens for item in row] for row in plain]


def test_little_work_is_not_compiled():
    """By the number of sentences alone, so that the same work is done in the same way every time."""
    model = model_of()
    assert isinstance(fast_steps(model, FEWEST_SENTENCES - 1), PackedProducts)
    assert isinstance(fast_steps(model, FEWEST_SENTENCES), CompiledTransformer)
    assert isinstance(fast_steps(model), CompiledTransformer)


def test_without_numba_all_is_as_before(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        compiled_transformer.importlib.util, "find_spec", lambda name, *rest: None if name == "numba" else find(name, *rest)
    )
    model, batch = model_of(), sources(5, 2, 1)
    assert isinstance(fast_steps(model), PackedProducts)
    fast, plain = both(model, batch, DecodingConfig(beam=3))
    assert [[item.tokens for item in row] for row in fast] == [[item.tokens for item in row] for row in plain]


def test_outside_the_model_is_itself():
    model = model_of()
    compiled = fast_steps(model)
    for _ in range(2):
        with compiled:
            assert kernels_are_used()
        assert not kernels_are_used()
        assert "keys.0" in model.encode(*sources(3, 2))
    with pytest.raises(ZeroDivisionError), compiled:
        1 / 0  # noqa: B018
    assert model.compiled is None


def test_a_state_may_go_on_twice():
    """What a step was given is not changed by it."""
    model, (source, lengths) = model_of(), sources(4, 3)
    with torch.inference_mode(), fast_steps(model):
        memory = model.encode(source, lengths)
        _, state = model.step(torch.tensor([1, 1]), model.start(memory), memory)
        first, _ = model.step(torch.tensor([5, 6]), state, memory)
        model.step(torch.tensor([7, 8]), state, memory)
        again, _ = model.step(torch.tensor([5, 6]), state, memory)
    assert torch.equal(first, again)
