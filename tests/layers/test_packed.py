"""Packed products are torch's own, for any number of rows, and leave the model as it was."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import gyebo
from gyebo.decoding import DecodingConfig, PackedProducts, beam_search


class Sliced(nn.Module):
    """A product by some rows of a matrix, one by all of them, and one by a matrix that is too small to be packed."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.matrix = nn.Parameter(torch.randn(400, 130))
        self.layer = nn.Linear(130, 300)
        self.small = nn.Linear(130, 7)

    def forward(self, sequence):
        parts = (F.linear(sequence, self.matrix[:200]), F.linear(sequence, self.matrix[200:]), F.linear(sequence, self.matrix))
        return torch.cat([*parts, self.layer(sequence), self.small(sequence), sequence @ self.matrix.T], -1)


@pytest.mark.parametrize("shape", [(1, 130), (2, 130), (3, 1, 130), (4, 130), (33, 130), (2, 5, 130), (0, 130)])
def test_the_products_are_torchs(shape):
    model = Sliced()
    sequence = torch.randn(shape)
    with torch.inference_mode():
        expected = model(sequence)
        packed = PackedProducts(model)
        for _ in range(2):  # the copies outlive the context
            with packed:
                for _ in range(3):
                    torch.testing.assert_close(model(sequence), expected, rtol=1e-5, atol=1e-4)
        with packed:
            torch.testing.assert_close(model(sequence.double().float()), expected, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(("width", "outputs"), [(200, 700), (700, 200), (300, 300), (600, 2000)])
def test_a_single_row(width, outputs, threads, monkeypatch):
    """Tall and wide matrices, and one that several threads read packed."""
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    torch.manual_seed(0)
    layer, row = nn.Linear(width, outputs), torch.randn(1, width)
    with torch.inference_mode():
        expected, without_bias = layer(row), F.linear(row, layer.weight)
        with PackedProducts(layer):
            for _ in range(3):
                torch.testing.assert_close(layer(row), expected, rtol=1e-5, atol=1e-5)
                torch.testing.assert_close(F.linear(row, layer.weight), without_bias, rtol=1e-5, atol=1e-5)
                torch.testing.assert_close(layer(row.view(1, 1, -1)), expected.view(1, 1, -1), rtol=1e-5, atol=1e-5)


def test_the_model_is_left_as_it_was():
    model = Sliced()
    before = dict(model.named_parameters())
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"), PackedProducts(model):
        model(torch.ones(2, 3))
    assert all(after is before[name] for name, after in model.named_parameters())
    assert model.matrix.requires_grad


def test_gradients_and_autocast_are_computed_as_ever():
    model, sequence = Sliced(), torch.randn(3, 130, requires_grad=True)
    with PackedProducts(model):
        for _ in range(3):
            model(sequence).sum().backward()
        assert sequence.grad is not None
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            assert model.layer(sequence).dtype == torch.bfloat16


def test_tied_weights_are_packed_once_and_searches_find_the_same():
    sizes = {"source_vocabulary": 300, "target_vocabulary": 300, "width": 128, "num_heads": 4, "num_layers": 1}
    torch.manual_seed(0)
    model = gyebo.create("transformer", {**sizes, "tied": "all", "feed_forward_width": 256}).eval()
    packed = PackedProducts(model)
    embeddings = {id(kept) for _, _, weight, kept in packed._places if weight.shape == (300, 128)}
    assert len(embeddings) == 1
    source, lengths = torch.randint(4, 300, (3, 6)), torch.tensor([6, 4, 2])
    config = DecodingConfig(beam=3, length_ratio=0.0, length_margin=8)
    plain = beam_search(model, source, lengths, config)
    with packed:
        fast = beam_search(model, source, lengths, config)
    for mine, theirs in zip(fast, plain, strict=True):
        assert [item.tokens for item in mine] == [item.tokens for item in theirs]
        torch.testing.assert_close([item.score for item in mine], [item.score for item in theirs], rtol=0, atol=1e-4)
