"""Pooling: ties go to the first, as in torch, and windows may overlap or leave a rest."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from operation_cases import gradient_of

from gyebo.backprop import Variable, average_pooling, max_pooling, total


@pytest.mark.parametrize(("size", "stride"), [(2, 2), (3, 1), (3, 2)])
def test_ties_go_to_the_first_as_in_torch(size, stride):
    numbers = np.random.default_rng(0).integers(0, 2, size=(2, 3, 7, 6)).astype(float)
    x, tensor = Variable(numbers), torch.tensor(numbers, requires_grad=True)
    total(max_pooling(x, size, stride)).backward()
    F.max_pool2d(tensor, size, stride).sum().backward()
    assert np.array_equal(gradient_of(x), gradient_of(tensor))


def test_the_gradient_is_kept_and_only_routed():
    x = Variable([[[[1, 5, 0, 0], [3, 2, 0, 9]]]])
    max_pooling(x, 2).backward([[[[10, 20]]]])
    assert gradient_of(x).tolist() == [[[[0, 10, 0, 0], [0, 0, 0, 20]]]]
    average_pooling(x, 2).backward([[[[10, 20]]]])
    assert gradient_of(x).tolist() == [[[[2.5, 2.5, 5, 5], [2.5, 2.5, 5, 5]]]]


@pytest.mark.parametrize(("pooling", "name"), [(max_pooling, "A max pooling"), (average_pooling, "An average pooling")])
def test_shapes_that_do_not_fit_are_one_paragraph(pooling, name):
    with pytest.raises(ValueError, match=rf"{name} came with an input of shape \(8, 8\)"):
        pooling(np.ones((8, 8)), 2)
    with pytest.raises(ValueError, match=rf"{name} came with images of 2 x 2 .* fits nowhere"):
        pooling(np.ones((1, 1, 2, 2)), 3)
    with pytest.raises(ValueError, match=rf"{name} came with a window of 2 x 2, stride 0"):
        pooling(np.ones((1, 1, 2, 2)), 2, 0)
