"""Multi-head attention against torch's, against its own equation, and in every precision."""

from __future__ import annotations

import re
from contextlib import nullcontext

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from gyebo.layers import multi_head
from gyebo.layers.multi_head import (
    MaskedMultiHeadAttention,
    MultiHeadAttention,
    gather_queries,
    merge_heads,
    scaled_dot_product,
    split_heads,
    spread_queries,
)
from gyebo.layers.positions import RotaryPositions
from gyebo.layers.sequence import real_positions

WIDTH, HEADS = 12, 3
B, T, S = 2, 5, 7
EXACT = {torch.float32: 1e-6, torch.float64: 1e-14}  # the same sums in another order, of numbers near 1


def normal(*sizes: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(*sizes, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def padding(size: int = S) -> torch.Tensor:
    """(B, 1, 1, S): the second row is shorter."""
    return real_positions(torch.tensor([size, size - 3]), size)[:, None, None]


def causal(size: int) -> torch.Tensor:
    return torch.ones(size, size, dtype=torch.bool).tril()


@pytest.mark.parametrize("dtype", EXACT, ids=str)
@pytest.mark.parametrize(
    "mask", [None, padding(), causal(S)[:T], padding() & causal(S)[:T]], ids=["none", "rows", "causal", "both"]
)
def test_equation_1_is_torchs(mask, dtype):
    query, key, value = (normal(B, HEADS, size, 4, seed=seed, dtype=dtype) for seed, size in enumerate((T, S, S)))
    read, weights = scaled_dot_product(query, key, value, mask)
    torch.testing.assert_close(read, F.scaled_dot_product_attention(query, key, value, mask), rtol=0, atol=EXACT[dtype])
    torch.testing.assert_close(weights.sum(-1), torch.ones(B, HEADS, T, dtype=dtype))
    if mask is not None:
        assert not weights[~mask.expand_as(weights)].any()


def test_scores_are_divided_by_the_root_of_the_width_of_a_head():
    query = torch.zeros(1, 1, 1, 16)
    query[..., 0] = 4.0
    key = torch.eye(16)[None, None, :2]
    _, weights = scaled_dot_product(query, key, key)
    torch.testing.assert_close(weights.flatten(), torch.tensor([1.0, 0.0]).softmax(0))


@given(st.integers(1, 3), st.integers(1, 4), st.integers(1, 4), st.integers(1, 3))
def test_merging_undoes_splitting(rows, time, heads, width):
    sequence = normal(rows, time, heads * width)
    split = split_heads(sequence, heads)
    assert split.shape == (rows, heads, time, width)
    assert torch.equal(split[:, 0], sequence[..., :width]), "the first head is the first part of the width"
    assert torch.equal(merge_heads(split), sequence)


@given(st.integers(1, 3), st.integers(1, 4))
def test_spreading_undoes_gathering(sentences, beam):
    query = normal(sentences * beam, HEADS, 1, 4)
    gathered = gather_queries(query, sentences)
    assert gathered.shape == (sentences, HEADS, beam, 4)
    assert torch.equal(gathered[-1, :, -1], query[-1, :, 0]), "the hypotheses of a sentence stand one after the other"
    assert torch.equal(spread_queries(gathered), query.flatten(1)), "the heads of a row stand side by side"


@pytest.mark.parametrize(
    ("width", "heads", "message"),
    [
        (10, 4, "width=10 does not split into num_heads=4 equal heads; try width=8"),
        (3, 8, "width=3 does not split into num_heads=8 equal heads; try width=8"),
        (8, 0, "width=8 does not split into num_heads=0 equal heads"),
        (8, -2, "width=8 does not split into num_heads=-2 equal heads"),
    ],
)
def test_heads_that_do_not_divide_the_width_are_refused(width, heads, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        MultiHeadAttention(width, heads)


def attention(kind: type[MultiHeadAttention] = MultiHeadAttention, dtype: torch.dtype = torch.float32, rotation=None):
    torch.manual_seed(0)
    return kind(WIDTH, HEADS, rotation).to(dtype)


CALLS = {
    "itself": (MultiHeadAttention, None, lambda dtype: (normal(B, S, WIDTH, dtype=dtype), None, padding())),
    "itself, turned": (MultiHeadAttention, RotaryPositions(), lambda dtype: (normal(B, S, WIDTH, dtype=dtype), None, padding())),
    "memory": (
        MultiHeadAttention,
        None,
        lambda dtype: (normal(B, T, WIDTH, dtype=dtype), normal(B, S, WIDTH, seed=1, dtype=dtype), padding()),
    ),
    "no mask": (MultiHeadAttention, None, lambda dtype: (normal(B, T, WIDTH, dtype=dtype), None, None)),
    "before": (MaskedMultiHeadAttention, None, lambda dtype: (normal(B, T, WIDTH, dtype=dtype),)),
    "before, turned": (MaskedMultiHeadAttention, RotaryPositions(), lambda dtype: (normal(B, T, WIDTH, dtype=dtype),)),
}


def outcome(layer, compute, arguments, autocast) -> dict[str, torch.Tensor]:
    """The output, and the gradients by the input and by every parameter, of a loss that weighs every output otherwise."""
    sequence, *others = arguments
    sequence = sequence.clone().requires_grad_()
    with autocast():
        output = compute(sequence, *others)
    loss = (output.double() * normal(*output.shape, seed=9).double()).sum()
    names = ["input", *dict(layer.named_parameters())]
    found = torch.autograd.grad(loss, [sequence, *layer.parameters()])
    return {"output": output.detach()} | {name: gradient.double() for name, gradient in zip(names, found, strict=True)}


@pytest.mark.parametrize("kernel", ["plain", "fused"])
@pytest.mark.parametrize("precision", ["float32", "float64", "bfloat16", "autocast"])
@pytest.mark.parametrize("call", CALLS)
def test_fast_path_is_the_equation(call, precision, kernel, monkeypatch):
    """Forward and gradients, whichever kernel `attend` takes: for bfloat16 it takes torch's only for long sequences."""
    monkeypatch.setattr(multi_head, "LONGEST_PLAIN", 0 if kernel == "fused" else 10**6)
    dtype = torch.float32 if precision == "autocast" else getattr(torch, precision)
    kind, rotation, made = CALLS[call]
    layer, arguments = attention(kind, dtype, rotation), made(dtype)
    autocast = (lambda: torch.autocast("cpu", torch.bfloat16)) if precision == "autocast" else nullcontext
    fast = outcome(layer, layer.forward, arguments, autocast)
    plain = outcome(layer, lambda *given: layer.inside(*given)[0], arguments, autocast)
    for name, expected in plain.items():
        # bfloat16 keeps 8 bits, so a rounding is 2^-9 of a value, and torch's kernel rounds the weights at another place:
        # scores, weights, heads and output follow each other, and gradients go through them once more
        size = max(1.0, float(expected.abs().max()))
        tolerance = {"float32": 5e-6, "float64": 1e-13}.get(precision, 8 * 2**-9) * size
        torch.testing.assert_close(
            fast[name].double(), expected.double(), rtol=0, atol=tolerance, msg=lambda told, name=name: f"{name}: {told}"
        )


def test_inside_tells_the_weights_of_every_head():
    layer, sequence = attention(), normal(B, S, WIDTH)
    output, inside = layer.inside(sequence, None, padding())
    assert inside["weights"].shape == (B, HEADS, S, S)
    assert all(inside[name].shape == (B, HEADS, S, WIDTH // HEADS) for name in ("query", "key", "value"))
    torch.testing.assert_close(layer.merge(inside["weights"] @ inside["value"]), output)
    assert not inside["weights"][1, :, :, S - 3 :].any()
    _, masked = attention(MaskedMultiHeadAttention).inside(sequence)
    assert not masked["weights"].triu(1).any()


def torchs(layer: MultiHeadAttention) -> nn.MultiheadAttention:
    """torch's layer with our weights: W^Q, W^K and W^V stand below each other in it, too."""
    other = nn.MultiheadAttention(WIDTH, HEADS, bias=False, batch_first=True).to(layer.output.dtype)
    with torch.no_grad():
        other.in_proj_weight.copy_(layer.projection)
        other.out_proj.weight.copy_(layer.output)
    return other


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("reads", ["itself", "memory", "before"])
def test_layer_is_torchs(reads, dtype):
    """Outputs, weights of every head, and gradients by input and weights, with padding or a causal mask."""
    layer = attention(MaskedMultiHeadAttention if reads == "before" else MultiHeadAttention, dtype)
    other = torchs(layer)
    sequence = normal(B, T, WIDTH, dtype=dtype).requires_grad_()
    memory = normal(B, S, WIDTH, seed=1, dtype=dtype).requires_grad_() if reads == "memory" else sequence
    size = memory.shape[1]
    if reads == "before":
        output, (_, inside) = layer(sequence), layer.inside(sequence)
        expected, weights = other(sequence, sequence, sequence, attn_mask=~causal(T), average_attn_weights=False)
    else:
        ours = (sequence, memory if reads == "memory" else None, padding(size))
        output, (_, inside) = layer(*ours), layer.inside(*ours)
        blocked = ~padding(size)[:, 0, 0]  # torch's mask is True where a query may not look
        expected, weights = other(sequence, memory, memory, key_padding_mask=blocked, average_attn_weights=False)
    tolerance = {torch.float32: 1e-5, torch.float64: 1e-10}[dtype]
    torch.testing.assert_close(output, expected, rtol=0, atol=tolerance)
    torch.testing.assert_close(inside["weights"], weights, rtol=0, atol=tolerance)
    slope = normal(*output.shape, seed=9, dtype=dtype)
    inputs = [sequence, memory] if reads == "memory" else [sequence]
    ours = torch.autograd.grad((output * slope).sum(), [*inputs, layer.projection, layer.output])
    theirs = torch.autograd.grad((expected * slope).sum(), [*inputs, other.in_proj_weight, other.out_proj.weight])
    for mine, yours in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, yours, rtol=0, atol=tolerance)
