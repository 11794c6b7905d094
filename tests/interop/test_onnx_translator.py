"""ONNX Runtime beside torch: the same searches, scores and errors, for every translator of the catalogue."""

from __future__ import annotations

import sys

import pytest
import torch
from small_exports import tiny_exported, tiny_model
from test_onnx_graphs import TRANSLATORS

from gyebo.decoding import DecodingConfig, beam_search
from gyebo.errors import GyeboError, UsageError
from gyebo.interop.onnx_check import TOLERANCE, check_graphs
from gyebo.interop.onnx_translator import OnnxTranslator, open_session
from gyebo.layers.limits import position_limit

QUICK = ("bahdanau", "transformer")
EVERY = [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in TRANSLATORS]
VOCABULARIES = (11, 13)


def sources() -> tuple[torch.Tensor, torch.Tensor]:
    """Five sentences of other lengths than those of tracing."""
    lengths = torch.tensor([9, 1, 4, 12, 6])
    source = torch.randint(4, 11, (5, 12), generator=torch.Generator().manual_seed(3))
    for row, length in enumerate(lengths.tolist()):
        source[row, length - 1] = 3
        source[row, length:] = 0
    return source, lengths


@pytest.mark.parametrize("name", EVERY)
def test_exported_graphs_are_the_model(name: str):
    assert check_graphs(tiny_model(name), tiny_exported(name), VOCABULARIES) <= TOLERANCE


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("beam", [1, 4])
def test_a_search_finds_what_it_finds_with_torch(name: str, beam: int):
    source, lengths = sources()
    config = DecodingConfig(beam=beam, length_ratio=0.5, length_margin=4)
    with_torch, with_onnx = (beam_search(model, source, lengths, config) for model in (tiny_model(name), tiny_exported(name)))  # type: ignore[arg-type]
    for expected, found in zip(with_torch, with_onnx, strict=True):
        assert [each.tokens for each in found] == [each.tokens for each in expected]
        for own, theirs in zip(found, expected, strict=True):
            assert own.score == pytest.approx(theirs.score, abs=1e-4)
            if theirs.alignment is not None:
                assert own.alignment is not None
                torch.testing.assert_close(own.alignment, theirs.alignment, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", EVERY)
@torch.inference_mode()
def test_teacher_forcing_gives_the_logits_of_the_model(name: str):
    (source, lengths), target = sources(), torch.randint(4, 13, (5, 6))
    model, exported = tiny_model(name), tiny_exported(name)
    torch.testing.assert_close(exported(source, lengths, target), model(source, lengths, target), rtol=1e-4, atol=1e-5)


def test_learned_positions_keep_their_limit():
    encoder, step = tiny_exported("bahdanau").encoder.session, tiny_exported("bahdanau").stepper.session
    assert position_limit(OnnxTranslator(encoder, step, 77)) == 77
    assert position_limit(OnnxTranslator(encoder, step)) is None


def test_what_cannot_be_computed_is_a_paragraph():
    with pytest.raises(GyeboError, match="ONNX Runtime could not compute the graph"):
        tiny_exported("bahdanau").encode(torch.full((1, 3), 999), torch.tensor([3]))


@pytest.mark.parametrize("content", [b"", b"no graph", b"\x08\x08" * 50], ids=["empty", "text", "bytes"])
def test_what_is_no_graph_is_a_paragraph(content: bytes, tmp_path):
    path = tmp_path / "step.onnx"
    path.write_bytes(content)
    with pytest.raises(GyeboError, match=r"step\.onnx is not an ONNX graph that ONNX Runtime can open"):
        open_session(str(path))


def test_without_onnxruntime_the_extra_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(UsageError, match=r"pip install 'gyebo\[export\]'"):
        open_session("step.onnx")


def test_torch_leaves_the_cores_to_onnx_runtime_while_a_search_runs():
    exported, before = tiny_exported("transformer"), torch.get_num_threads()
    torch.set_num_threads(2)

    def fails() -> None:
        with exported.fast_steps():
            assert torch.get_num_threads() == 1
            raise ValueError("in the search")

    try:
        with pytest.raises(ValueError, match="in the search"):
            fails()
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
