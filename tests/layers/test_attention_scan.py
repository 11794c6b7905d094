"""The hand-derived gradient of the attending recurrence, against autograd through the plain loop."""

import pytest
import torch
from torch import Tensor

from gyebo.layers.attention import masked_softmax, read
from gyebo.layers.attention_scan import AttentionWeights, attention_gru_scan
from gyebo.layers.steps import gru_step

B, T, S, D, A, M = 3, 4, 5, 6, 7, 8
REAL = torch.tensor([[True] * 5, [True] * 3 + [False] * 2, [True] + [False] * 4])


def operands(dtype: torch.dtype) -> list[Tensor]:
    generator = torch.Generator().manual_seed(1)
    shapes = [(B, T, 3 * D), (B, D), (B, S, A), (B, S, M), (A, D), (1, A), (3 * D, M), (3 * D, D), (3 * D,)]
    return [(torch.randn(shape, generator=generator, dtype=torch.float64) / 2).to(dtype).requires_grad_() for shape in shapes]


def scan(words: Tensor, hidden: Tensor, keys: Tensor, values: Tensor, *weights: Tensor) -> tuple[Tensor, Tensor]:
    return attention_gru_scan(words, hidden, keys, values, REAL, AttentionWeights(*weights))


def plain(words: Tensor, hidden: Tensor, keys: Tensor, values: Tensor, *weights: Tensor) -> tuple[Tensor, Tensor]:
    """The equations of the module's docstring, one word at a time."""
    query, energy, context_weight, recurrent, bias = weights
    befores, contexts = [], []
    for word in words.unbind(1):
        scores = (torch.tanh((hidden @ query.T)[:, None] + keys) * energy).sum(-1)
        context = read(masked_softmax(scores, REAL), values)
        befores.append(hidden)
        contexts.append(context)
        hidden = gru_step(word + context @ context_weight.T, hidden, recurrent, bias)
    return torch.stack(befores, 1), torch.stack(contexts, 1)


def results(function, dtype: torch.dtype) -> list[Tensor]:
    inputs = operands(dtype)
    befores, contexts = function(*inputs)
    (befores.square().sum() + (contexts * contexts.cos()).sum()).backward()
    return [befores.detach(), contexts.detach(), *(tensor.grad for tensor in inputs)]


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-10)])
def test_outputs_and_gradients_equal_the_plain_loop(dtype: torch.dtype, tolerance: float) -> None:
    for ours, theirs in zip(results(scan, dtype), results(plain, dtype), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=tolerance)


def test_gradcheck() -> None:
    assert torch.autograd.gradcheck(scan, operands(torch.float64))


def test_compiled_equals_eager() -> None:
    inputs = operands(torch.float32)
    compiled = torch.compile(scan, backend="aot_eager", fullgraph=True)
    for ours, theirs in zip(compiled(*inputs), scan(*inputs), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)


def test_autocast_is_near_float32_and_keeps_the_state_in_it() -> None:
    inputs = operands(torch.float32)
    exact = scan(*inputs)
    with torch.autocast("cpu", torch.bfloat16):
        near = scan(*inputs)
    for ours, theirs in zip(near, exact, strict=True):
        assert ours.dtype == torch.float32
        assert not torch.equal(ours, theirs), "autocast changed nothing: the products did not run in bfloat16"
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0.03)  # bfloat16 keeps 8 bits of each operand


def test_what_stands_at_padding_changes_nothing() -> None:
    words, hidden, keys, values, *weights = operands(torch.float32)
    poisoned_keys = keys.detach().masked_fill(~REAL[..., None], 1e4)
    for ours, theirs in zip(
        scan(words, hidden, poisoned_keys, values, *weights), scan(words, hidden, keys, values, *weights), strict=True
    ):
        assert torch.equal(ours, theirs)


def test_arguments_are_not_changed_and_backward_may_run_twice() -> None:
    inputs = operands(torch.float32)
    before = [tensor.detach().clone() for tensor in inputs]
    loss = scan(*inputs)[1].square().sum()
    loss.backward(retain_graph=True)
    first = [tensor.grad.clone() for tensor in inputs if tensor.grad is not None]
    for tensor in inputs:
        tensor.grad = None
    loss.backward()
    assert all(torch.equal(tensor, old) for tensor, old in zip(inputs, before, strict=True))
    assert all(
        torch.equal(tensor.grad, old) for tensor, old in zip([item for item in inputs if item.grad is not None], first, strict=True)
    )
