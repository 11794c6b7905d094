"""The check itself: it passes what is right, and sees what is wrong."""

from dataclasses import dataclass

import numpy as np
import pytest

from gyebo.backprop import Variable, affine, apply, gradient_check, numerical_gradient, sigmoid, softmax_with_loss, tanh


@dataclass
class WrongSquare:
    """Its gradient is wrong by a share, and at one place only."""

    error: float

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.x = x
        return x**2

    def backward(self, gradient: np.ndarray) -> tuple[np.ndarray]:
        slope = 2 * self.x
        slope.flat[-1] *= 1 + self.error
        return (gradient * slope,)


@pytest.mark.parametrize("error", [1e-5, 1e-3, 1.0, -2.0])
def test_a_wrong_gradient_is_seen(error):
    x = [1.0, -2.0, 2.0]
    assert gradient_check(lambda x: apply(WrongSquare(0.0), x), x)[0] < 1e-9
    assert gradient_check(lambda x: apply(WrongSquare(error), x), x)[0] > 1e-6


def test_a_whole_network_passes():
    generator = np.random.default_rng(0)
    shapes = [(4, 5), (5, 6), (6,), (6, 3), (3,)]

    def loss(x, first_weight, first_bias, second_weight, second_bias):
        hidden = tanh(affine(x, first_weight, first_bias))
        return softmax_with_loss(
            affine(hidden, second_weight, second_bias) + affine(hidden, second_weight, second_bias), [0, 1, 2, 1]
        )

    errors = gradient_check(loss, *(generator.normal(size=shape) for shape in shapes))
    assert len(errors) == 5
    assert max(errors) < 1e-7


def test_central_differences_are_best_near_one_hundred_thousandth():
    """On sigmoid: the error falls with h^2, then rises again as rounding takes over; the book's 1e-4 is near the bottom."""
    x = np.array([0.3, -1.2, 2.0])
    exact = sigmoid(x).value * (1 - sigmoid(x).value)
    error = {
        step: np.abs(numerical_gradient(lambda x: float(sigmoid(x).value.sum()), x, step) / exact - 1).max()
        for step in (1e-2, 1e-4, 1e-5, 1e-8, 1e-12)
    }
    assert error[1e-2] > 1e-6 > error[1e-4]
    assert max(error[1e-4], error[1e-5]) < 1e-8 < error[1e-8] < error[1e-12]


def test_inputs_are_not_written_to_and_may_be_whole_numbers():
    x = np.array([1.0, 2.0])
    x.flags.writeable = False
    assert numerical_gradient(lambda x: float(x.sum()), x).round(6).tolist() == [1, 1]
    assert gradient_check(sigmoid, x)[0] < 1e-7
    assert gradient_check(sigmoid, [[1, 2]])[0] < 1e-7


def test_an_input_that_does_not_count_has_no_error():
    assert gradient_check(lambda x, unused: x * 2.0, 1.0, [1.0, 2.0])[1] == 0
    assert gradient_check(lambda x: Variable(3.0), 1.0) == [0.0]
