"""Windows and convolution: against torch.unfold and fold, the flipped-filter identity, and plain loops."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from operation_cases import gradient_of

from gyebo.backprop import Variable, convolution
from gyebo.backprop.windows import add_windows, col2im, im2col, output_size, windows


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("padding", [0, 1, 2])
def test_columns_equal_unfold_and_fold(stride, padding):
    image = np.random.default_rng(0).normal(size=(2, 3, 7, 6))
    columns = im2col(image, (3, 2), stride, padding)
    expected = F.unfold(torch.from_numpy(image), (3, 2), stride=stride, padding=padding)  # (B, C KH KW, OH OW)
    assert np.array_equal(columns, expected.transpose(1, 2).reshape(columns.shape).numpy())
    back = F.fold(expected, (7, 6), (3, 2), stride=stride, padding=padding).numpy()
    np.testing.assert_allclose(col2im(columns, image.shape, (3, 2), stride, padding), back, rtol=0, atol=1e-14)


@settings(deadline=None)
@given(st.tuples(*[st.integers(1, 3)] * 2, *[st.integers(3, 7)] * 2), st.tuples(*[st.integers(1, 3)] * 2), st.integers(1, 4))
def test_adding_windows_is_the_transpose_of_taking_them(shape, kernel, stride):
    """<windows(x), g> = <x, add_windows(g)> for every x and g."""
    generator = np.random.default_rng(0)
    x = generator.normal(size=shape)
    seen = windows(x, kernel, stride)
    assert seen.shape[2:4] == tuple(output_size(size, window, stride, 0) for size, window in zip(shape[2:], kernel, strict=True))
    g = generator.normal(size=seen.shape)
    assert np.isclose((seen * g).sum(), (x * add_windows(g, shape, stride)).sum(), atol=1e-10)


def test_the_gradient_at_the_image_is_a_full_correlation_with_the_turned_filter():
    """For stride 1: dL/dx = delta, padded by K - 1, correlated with the filter turned by 180 degrees, channels swapped."""
    generator = np.random.default_rng(0)
    x, weight = Variable(generator.normal(size=(2, 3, 6, 5))), Variable(generator.normal(size=(4, 3, 3, 3)))
    result = convolution(x, weight, np.zeros(4))
    delta = generator.normal(size=result.shape)
    result.backward(delta)
    turned = weight.value[:, :, ::-1, ::-1].transpose(1, 0, 2, 3)
    at_x = convolution(delta, turned, np.zeros(3), padding=2).value
    at_weight = convolution(x.value.transpose(1, 0, 2, 3), delta.transpose(1, 0, 2, 3), np.zeros(4)).value.transpose(1, 0, 2, 3)
    np.testing.assert_allclose(gradient_of(x), at_x, rtol=0, atol=1e-12)
    np.testing.assert_allclose(gradient_of(weight), at_weight, rtol=0, atol=1e-12)


def test_it_is_the_sum_over_the_window():
    generator = np.random.default_rng(0)
    x, weight, bias = generator.normal(size=(2, 2, 4, 5)), generator.normal(size=(3, 2, 2, 3)), generator.normal(size=3)
    expected = np.zeros((2, 3, 3, 3))
    for b, f, i, j in np.ndindex(*expected.shape):
        expected[b, f, i, j] = (x[b, :, i : i + 2, j : j + 3] * weight[f]).sum() + bias[f]
    np.testing.assert_allclose(convolution(x, weight, bias).value, expected, rtol=0, atol=1e-13)


IMAGES, FILTERS, BIAS = np.ones((2, 3, 8, 8)), np.ones((4, 3, 3, 3)), np.ones(4)


@pytest.mark.parametrize(
    ("compute", "message"),
    [
        (lambda: convolution(np.ones((2, 8, 8)), FILTERS, BIAS), r"input of shape \(2, 8, 8\); .* becomes \(B, 1, H, W\)"),
        (lambda: convolution(IMAGES[:, :1], FILTERS, BIAS), r"images of 1 channels .* filters for 3 channels .* \(F, 1, KH, KW\)"),
        (lambda: convolution(IMAGES, FILTERS[0], BIAS), r"weight \(3, 3, 3\) and bias \(4,\); it takes"),
        (lambda: convolution(IMAGES, FILTERS, BIAS[:2]), r"bias \(2,\); it takes"),
        (
            lambda: convolution(IMAGES[..., :2, :], FILTERS, BIAS),
            "images of 2 x 8 and padding 0, and its window of 3 x 3 fits nowhere",
        ),
        (
            lambda: convolution(IMAGES, FILTERS, BIAS, stride=0),
            "stride 0 and padding 0; these are whole numbers, window and stride at least 1",
        ),
        (lambda: convolution(IMAGES, FILTERS, BIAS, stride=1.5), "stride 1.5 and padding 0; these are whole numbers"),  # pyright: ignore[reportArgumentType]
        (lambda: convolution(IMAGES, FILTERS, BIAS, padding=-1), "padding -1; .* padding at least 0"),
    ],
)
def test_shapes_that_do_not_fit_are_one_paragraph(compute, message):
    with pytest.raises(ValueError, match=message) as caught:
        compute()
    assert "\n" not in str(caught.value)
