"""Broadcasting and its way back, and the refusal of shapes that do not fit."""

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from operation_cases import gradient_of

from gyebo.backprop import Variable, add, affine, matrix_product, mean_squared_error, multiply, reshape, subtract
from gyebo.backprop.arithmetic import sum_to_shape
from gyebo.backprop.shapes import Flatten

SHAPES = hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=4, max_side=3, min_side=0)


@settings(deadline=None)
@given(SHAPES, st.sampled_from([(add, torch.add), (multiply, torch.mul), (subtract, torch.sub)]))
def test_any_broadcast_equals_autograd(shapes, pair):
    ours, reference = pair
    generator = np.random.default_rng(0)
    arrays = [generator.normal(size=shape) for shape in shapes.input_shapes]
    variables = [Variable(array) for array in arrays]
    tensors = [torch.tensor(array, requires_grad=True) for array in arrays]
    result, expected = ours(*variables), reference(*tensors)
    assert result.shape == shapes.result_shape
    upstream = generator.normal(size=result.shape)
    result.backward(upstream)
    expected.backward(torch.tensor(upstream))
    for variable, tensor in zip(variables, tensors, strict=True):
        np.testing.assert_allclose(gradient_of(variable), gradient_of(tensor), rtol=0, atol=1e-12)


@settings(deadline=None)
@given(hnp.mutually_broadcastable_shapes(signature="(m,k),(k,n)->(m,n)", max_dims=2, max_side=3))
def test_any_broadcast_of_matrix_products_equals_autograd(shapes):
    generator = np.random.default_rng(0)
    arrays = [generator.normal(size=shape) for shape in shapes.input_shapes]
    variables = [Variable(array) for array in arrays]
    tensors = [torch.tensor(array, requires_grad=True) for array in arrays]
    result, expected = matrix_product(*variables), torch.matmul(*tensors)
    result.backward(np.ones(result.shape))
    expected.backward(torch.ones_like(expected))
    for variable, tensor in zip(variables, tensors, strict=True):
        np.testing.assert_allclose(gradient_of(variable), gradient_of(tensor), rtol=0, atol=1e-12)


@settings(deadline=None)
@given(SHAPES)
def test_summing_back_is_the_transpose_of_broadcasting(shapes):
    """<broadcast(x), g> = <x, sum_to_shape(g)> for every x and g."""
    generator = np.random.default_rng(0)
    shape = shapes.input_shapes[0]
    x, gradient = generator.normal(size=shape), generator.normal(size=shapes.result_shape)
    back = sum_to_shape(gradient, shape)
    assert back.shape == shape
    assert np.isclose((np.broadcast_to(x, gradient.shape) * gradient).sum(), (x * back).sum(), atol=1e-12)


@pytest.mark.parametrize(
    ("compute", "message"),
    [
        (lambda: add(np.ones((2, 3)), np.ones(2)), r"An addition came with the shapes \(2, 3\) and \(2,\), .* Reshape one"),
        (lambda: multiply(np.ones(4), np.ones(3)), r"A multiplication came with the shapes \(4,\) and \(3,\), .* Reshape one"),
        (lambda: matrix_product(np.ones((2, 3)), np.ones((2, 3))), r"\(2, 3\) and \(2, 3\); it takes .* Transpose or reshape"),
        (lambda: matrix_product(np.ones(3), np.ones((3, 1))), r"A matrix product came with the shapes \(3,\) and \(3, 1\)"),
        (lambda: matrix_product(np.ones((2, 1, 1)), np.ones((3, 1, 1))), r"A matrix product .* \(2,\) and \(3,\)"),
        (
            lambda: affine(np.ones((2, 1, 8, 8)), np.ones((64, 10)), np.ones(10)),
            r"An affine map .* \(2, 1, 8, 8\).* Flatten images",
        ),
        (lambda: affine(np.ones((2, 5)), np.ones((5, 3)), np.ones(2)), r"weight \(5, 3\) and bias \(2,\); it takes"),
        (lambda: reshape(np.ones((2, 3)), (4, 2)), r"from \(2, 3\) to \(4, 2\) .* the same 6 numbers"),
        (lambda: reshape(np.ones((2, 3)), (-1, 2)), r"from \(2, 3\) to \(-1, 2\) .* written out"),
        (lambda: Flatten().forward(np.array(1.0)), "A single number came to flatten"),
        (lambda: mean_squared_error(np.ones((2, 1)), np.ones(2)), r"shape \(2, 1\) and a target of shape \(2,\); .* Reshape the"),
        (lambda: mean_squared_error([], []), "with at least one number"),
    ],
)
def test_shapes_that_do_not_fit_are_one_paragraph(compute, message):
    with pytest.raises(ValueError, match=message) as caught:
        compute()
    assert "\n" not in str(caught.value)
