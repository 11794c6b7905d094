"""Preprocessing: bytes become standardised numbers, the same every time."""

from __future__ import annotations

import pytest
import torch

from gyebo.tasks.preprocessing import check_colour_axes, standardised

MEAN, DEVIATION = (0.25, 0.5, 0.75), (0.1, 0.2, 0.4)


def test_bytes_are_standardised_channel_by_channel():
    pixels = torch.randint(0, 256, (2, 3, 4, 5), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    center, scale = (torch.tensor(numbers).double()[:, None, None] for numbers in (MEAN, DEVIATION))
    first = standardised(pixels, MEAN, DEVIATION)
    assert first.dtype == torch.float32
    torch.testing.assert_close(first.double(), (pixels.double() / 255 - center) / scale, rtol=1e-5, atol=1e-5)
    first.zero_()
    again = standardised(pixels, MEAN, DEVIATION)
    assert again.any(), "what is kept for the next batch is not what was handed out"
    assert torch.equal(again[0], standardised(pixels[0], MEAN, DEVIATION)), "one image or several"


def test_what_was_kept_in_inference_serves_training():
    mean, deviation = (0.3,), (0.7,)
    pixels = torch.ones(2, 1, 3, 3, dtype=torch.uint8)
    with torch.inference_mode():
        expected = standardised(pixels, mean, deviation).sum().item()
    weight = torch.ones(1, requires_grad=True)
    loss = (standardised(pixels, mean, deviation) * weight).sum()
    loss.backward()
    assert weight.grad is not None
    assert weight.grad.item() == pytest.approx(expected)


def test_colour_axes_are_of_all_channels():
    check_colour_axes((), 3)
    check_colour_axes(((1.0,),), 1)
    with pytest.raises(ValueError, match=r"colour_axes=\(\(1.0,\), \(1.0,\)\) do not belong to 2 channels"):
        check_colour_axes(((1.0,), (1.0,)), 2)
