"""Properties of every operation: equal to torch.autograd, right by differences, and no input is written to."""

import numpy as np
import pytest
import torch
from operation_cases import CASES, Case, gradient_of

from gyebo.backprop import Variable, gradient_check

EVERY_OPERATION = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


@EVERY_OPERATION
def test_forward_and_gradients_equal_autograd(case: Case):
    arrays = case.inputs()
    ours = [Variable(array) for array in arrays]
    tensors = [torch.tensor(array, requires_grad=True) for array in arrays]
    result, expected = case.ours(*ours), case.reference(*tensors)
    upstream = np.random.default_rng(1).normal(size=result.shape)
    result.backward(upstream)
    expected.backward(torch.from_numpy(upstream))
    assert result.shape == tuple(expected.shape)
    assert np.abs(result.value - expected.detach().numpy()).max() <= 1e-12
    for variable, tensor in zip(ours, tensors, strict=True):
        assert gradient_of(variable).shape == variable.shape
        assert np.abs(gradient_of(variable) - gradient_of(tensor)).max() <= 1e-12


@EVERY_OPERATION
def test_gradients_equal_differences(case: Case):
    assert max(gradient_check(case.ours, *case.inputs())) < 1e-7


@EVERY_OPERATION
def test_inputs_are_not_written_to(case: Case):
    arrays = case.inputs()
    for array in arrays:
        array.flags.writeable = False
    result = case.ours(*(Variable(array) for array in arrays))
    result.backward(np.ones(result.shape))
    assert all(np.array_equal(array, before) for array, before in zip(arrays, case.inputs(), strict=True))


@EVERY_OPERATION
def test_float32_gradients_stay_float32(case: Case):
    variables = [Variable(array.astype(np.float32)) for array in case.inputs()]
    result = case.ours(*variables)
    result.backward(np.ones(result.shape))
    assert {gradient_of(variable).dtype for variable in variables} == {np.dtype(np.float32)}
