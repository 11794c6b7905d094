"""Convolution of images as one matrix product.  LeCun et al. 1989, "Backpropagation Applied to Handwritten Zip Code Recognition"."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gyebo.backprop.windows import check_image, col2im, im2col, output_size

__all__ = ["Convolution"]

Array = np.ndarray


@dataclass(eq=False)
class Convolution:
    """x (B, C, H, W), weight (F, C, KH, KW) of F filters, bias (F,) -> (B, F, OH, OW).  As everywhere in the field, the filter
    is not turned: the mathematician calls it a correlation.

    With X the windows of x as rows (im2col) and W a column for each filter this is an affine map, and so are its gradients:

    Y = X W + b        dL/dW = X^T dL/dY        db = the sum over batch and places        dL/dx = col2im(dL/dY W^T)
    """

    stride: int = 1
    padding: int = 0

    def forward(self, x: Array, weight: Array, bias: Array) -> Array:
        if weight.ndim != 4 or bias.shape != weight.shape[:1]:
            raise ValueError(
                f"A convolution came with weight {weight.shape} and bias {bias.shape}; it takes weight (F, C, KH, KW) for F filters "
                "over C channels and bias (F,). Reshape the two."
            )
        self.kernel = weight.shape[2], weight.shape[3]
        check_image("A convolution", x.shape, self.kernel, self.stride, self.padding)
        if x.shape[1] != weight.shape[1]:
            raise ValueError(
                f"A convolution came with images of {x.shape[1]} channels {x.shape} and filters for {weight.shape[1]} channels "
                f"{weight.shape}. Give the weight as many channels as the images have, (F, {x.shape[1]}, KH, KW)."
            )
        self.x_shape, self.weight_shape = x.shape, weight.shape
        self.columns = im2col(x, self.kernel, self.stride, self.padding)  # (B OH OW, C KH KW)
        self.weight = weight.reshape(len(weight), -1).T  # (C KH KW, F)
        rows = self.columns @ self.weight + bias  # (B OH OW, F)
        places = (
            output_size(size, window, self.stride, self.padding) for size, window in zip(x.shape[2:], self.kernel, strict=True)
        )
        return rows.reshape(len(x), *places, len(weight)).transpose(0, 3, 1, 2)  # (B, F, OH, OW)

    def backward(self, gradient: Array) -> tuple[Array, Array, Array]:
        rows = gradient.transpose(0, 2, 3, 1).reshape(-1, gradient.shape[1])  # (B OH OW, F)
        at_x = col2im(rows @ self.weight.T, self.x_shape, self.kernel, self.stride, self.padding)
        at_weight = (self.columns.T @ rows).T.reshape(self.weight_shape)
        return at_x, at_weight, rows.sum(axis=0)
