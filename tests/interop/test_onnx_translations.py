"""Operators whose translation to ONNX is ours give what torch gives."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from gyebo.interop.onnx_graphs import quiet
from gyebo.interop.onnx_translations import translations
from gyebo.interop.onnx_translator import open_session


class Repeats(nn.Module):
    """Rows of a memory, repeated as often as there are hypotheses of each."""

    def __init__(self, axis: int) -> None:
        super().__init__()
        self.axis = axis

    def forward(self, tokens: Tensor, memory: Tensor) -> Tensor:
        return memory.repeat_interleave(tokens.shape[0] // memory.shape[0], self.axis)


@pytest.mark.parametrize(("axis", "shape"), [(0, ()), (0, (4,)), (0, (4, 5)), (1, (4, 5)), (-1, (4,))])
def test_an_open_number_of_repeats(axis: int, shape: tuple[int, ...]):
    with quiet():
        program = torch.onnx.export(
            Repeats(axis),
            (torch.zeros(6, dtype=torch.long), torch.randn(3, *shape)),
            dynamo=True,
            dynamic_shapes=({0: "rows"}, {0: "sentences"}),
            custom_translation_table=translations(),
            verbose=False,
        )
    assert program is not None
    session = open_session(program.model_proto.SerializeToString())
    names = [item.name for item in session.get_inputs()]
    tokens, memory = torch.zeros(8, dtype=torch.long), torch.randn(2, *shape)
    (found,) = session.run(None, dict(zip(names, (tokens.numpy(), memory.numpy()), strict=True)))
    assert torch.equal(torch.from_numpy(found), memory.repeat_interleave(4, axis))
