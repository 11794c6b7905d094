"""Activations where they are delicate: far from zero, and at their kinks."""

import numpy as np
import pytest
from operation_cases import gradient_of

from gyebo.backprop import Variable, gelu, relu, sigmoid, step, tanh, tanh_gelu, total


@pytest.mark.parametrize("function", [sigmoid, tanh, relu, gelu, step])
def test_extreme_numbers_stay_finite(function):
    x = Variable([-1e4, -710.0, 0.0, 710.0, 1e4])
    result = function(x)
    total(result).backward()
    assert np.isfinite(result.value).all()
    assert np.isfinite(gradient_of(x)).all()


def test_sigmoid_keeps_its_digits_far_below_zero():
    assert sigmoid(-700.0).value == np.exp(-700.0)


def test_the_conventions_at_zero():
    """ReLU's gradient at 0 is 0, as in torch; the perceptron fires at 0."""
    x = Variable([0.0, -0.0])
    total(relu(x)).backward()
    assert gradient_of(x).tolist() == [0, 0]
    assert step(x).value.tolist() == [1, 1]


def test_sigmoid_and_tanh_are_one_curve():
    x = np.linspace(-5, 5, 101)
    assert np.abs(tanh(x).value - (2 * sigmoid(2 * x).value - 1)).max() <= 1e-15


def test_the_two_gelus_are_near():
    x = np.linspace(-5, 5, 1001)
    assert 4.6e-4 < np.abs(gelu(x).value - tanh_gelu(x).value).max() < 4.8e-4
