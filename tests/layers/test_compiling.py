"""The exponential function of the kernels, and what is not imported with gyebo."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gyebo.layers.compiling import SMALLEST, exponential


@given(st.floats(float(SMALLEST), 0.0, width=32))
@settings(deadline=None)
def test_the_exponential_function(x):
    assert exponential(np.float32(x)) == pytest.approx(np.exp(np.float64(x)), rel=3e-7)


def test_its_ends():
    assert exponential(np.float32(0)) == 1
    assert 0 < exponential(np.float32(-np.inf)) < 2e-38
    assert np.isnan(exponential(np.float32(np.nan)))


def test_numba_is_loaded_by_what_uses_it_alone():
    """Importing gyebo and decoding a little must not wait for it."""
    program = """
import sys, torch, gyebo
from gyebo.decoding import DecodingConfig, beam_search, fast_steps
sizes = {"source_vocabulary": 5, "target_vocabulary": 6, "width": 4, "num_heads": 2, "num_layers": 1, "feed_forward_width": 3}
model = gyebo.create("transformer", sizes).eval()
with fast_steps(model, 3):
    beam_search(model, torch.tensor([[4, 3]]), torch.tensor([2]), DecodingConfig(beam=2))
print("numba" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
