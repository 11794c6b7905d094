"""Losses: large logits, the refusal of labels, and the gradients that the field quotes."""

import numpy as np
import pytest
from operation_cases import gradient_of

from gyebo.backprop import Variable, mean_squared_error, reshape, sigmoid, softmax_with_loss


def test_large_logits_do_not_overflow():
    logits = Variable([[1e4, 0.0], [0.0, -1e4]])
    loss = softmax_with_loss(logits, [1, 0])
    loss.backward()
    assert loss.value == 5e3
    assert gradient_of(logits).tolist() == [[0.5, -0.5], [0, 0]]


def test_the_gradient_is_probability_minus_label():
    logits = Variable(np.log([[0.2, 0.3, 0.5]]))
    softmax_with_loss(logits, [1]).backward()
    np.testing.assert_allclose(gradient_of(logits), [[0.2, -0.7, 0.5]], atol=1e-15)


def test_a_confident_error_hardly_moves_under_squared_error():
    """A sigmoid unit at z = 5 whose target is 0: squared error (half the square) gives 0.0066, cross-entropy 0.9933."""
    z = Variable([[5.0]])
    (mean_squared_error(sigmoid(z), [[0.0]]) * 0.5).backward()
    assert np.round(gradient_of(z), 4) == 0.0066
    # a sigmoid is a softmax over (0, z)
    row = reshape(z, (1, 1)) @ [[0.0, 1.0]]
    softmax_with_loss(row, [0]).backward()
    assert np.round(gradient_of(z), 4) == 0.9933


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 3], "over 3 classes came with labels from 0 to 3; it takes whole numbers from 0 to 2"),
        ([-1, 0], "from -1 to 0"),
        ([0.0, 1.0], "labels of type float64; it takes whole numbers"),
        (["cat", "dog"], "labels of type <U3"),
        ([0], r"logits of shape \(2, 3\) and labels of shape \(1,\)"),
        ([[1, 0, 0], [0, 1, 0]], "not one-hot rows"),
    ],
)
def test_labels_that_do_not_fit_are_one_paragraph(labels, message):
    with pytest.raises(ValueError, match=message):
        softmax_with_loss(np.zeros((2, 3)), labels)


def test_an_empty_batch_is_refused():
    with pytest.raises(ValueError, match=r"logits of shape \(0, 3\)"):
        softmax_with_loss(np.zeros((0, 3)), np.zeros(0, int))
