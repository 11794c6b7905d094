"""The check of an export sees what is wrong with it."""

from __future__ import annotations

import pytest
import torch
from small_exports import tiny_exported, tiny_model

from gyebo.errors import GyeboError
from gyebo.genealogy import architecture
from gyebo.interop import onnx_check
from gyebo.interop.onnx_check import CHECKED_SIZES, check_graphs
from gyebo.interop.onnx_graphs import OTHER, TRACED, TRACED_BEAM
from gyebo.layers.limits import Limit

VOCABULARIES = (11, 13)


def another(change: float):
    """The tiny model with one weight changed."""
    entry = architecture("bahdanau")
    model = entry.model(entry.config(**entry.tiny)).eval()
    model.load_state_dict(tiny_model("bahdanau").state_dict())
    with torch.no_grad():
        model.output.bias[5] += change  # type: ignore[union-attr, index, operator]
    return model


def test_sizes_are_not_those_of_tracing():
    for sizes in CHECKED_SIZES:
        assert len(sizes.lengths) != TRACED.sentences
        assert sizes.beam != TRACED_BEAM
        assert max(sizes.lengths) not in (TRACED.source, OTHER.source)
    assert len({max(sizes.lengths) for sizes in CHECKED_SIZES}) == 3


def test_sizes_of_tracing_name_their_axes():
    one, two = vars(TRACED), vars(OTHER)
    assert len({*one.values(), TRACED_BEAM}) == 4
    assert all(one[name] != two[name] for name in one)


def test_a_bias_that_is_another_by_a_thousandth_is_seen():
    with pytest.raises(
        GyeboError,
        match=r"for sources of 1 tokens and 1 hypotheses each, the largest difference in the logits of step 1 is 1\.0e-03",
    ):
        check_graphs(another(1e-3), tiny_exported("bahdanau"), VOCABULARIES)


def test_a_number_that_is_not_finite_is_seen():
    with pytest.raises(GyeboError, match="is inf"):
        check_graphs(another(float("nan")), tiny_exported("bahdanau"), VOCABULARIES)


def test_a_state_that_is_another_is_seen():
    class Forgets:
        """An exported model whose alignment is not that of the model."""

        def __getattr__(self, name: str):
            return getattr(tiny_exported("bahdanau"), name)

        def step(self, tokens, state, memory):
            logits, following = tiny_exported("bahdanau").step(tokens, state, memory)
            return logits, following | {"alignment": following["alignment"].flip(1) + 0.5}

    with pytest.raises(GyeboError, match="difference in alignment after step 1 is"):
        check_graphs(tiny_model("bahdanau"), Forgets(), VOCABULARIES)


def test_no_source_is_longer_than_the_model_reads(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(onnx_check, "source_limit", lambda model: Limit(5, "--model.max-positions"))
    seen = []

    class Watched:
        def encode(self, source, lengths):
            seen.append(source.shape[1])
            return tiny_model("bahdanau").encode(source, lengths)  # type: ignore[operator]

        def __getattr__(self, name: str):
            return getattr(tiny_model("bahdanau"), name)

    check_graphs(Watched(), tiny_exported("bahdanau"), VOCABULARIES)
    assert seen == [1, 5, 5]
