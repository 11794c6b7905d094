"""Every operation beside its torch.autograd reference: inputs, our function, torch's function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from gyebo import backprop as bp

__all__ = ["CASES", "Case", "gradient_of"]


def gradient_of(leaf: bp.Variable | torch.Tensor) -> np.ndarray:
    """The gradient that a backward pass left."""
    gradient = leaf.gradient if isinstance(leaf, bp.Variable) else leaf.grad
    assert gradient is not None
    return np.asarray(gradient)


LABELS = np.array([2, 0, 4])


@dataclass(frozen=True)
class Case:
    name: str
    shapes: tuple[tuple[int, ...], ...]
    ours: Callable[..., bp.Variable]
    reference: Callable[..., torch.Tensor]

    def inputs(self) -> list[np.ndarray]:
        """Normal numbers, the same in every process; ties and kinks have probability zero among them."""
        generator = np.random.default_rng(len(self.name))
        return [generator.normal(size=shape) for shape in self.shapes]


def convolution_case(stride: int, padding: int) -> Case:
    return Case(
        f"convolution, stride {stride}, padding {padding}",
        ((2, 3, 7, 6), (4, 3, 3, 2), (4,)),
        lambda x, weight, bias: bp.convolution(x, weight, bias, stride=stride, padding=padding),
        lambda x, weight, bias: F.conv2d(x, weight, bias, stride=stride, padding=padding),
    )


def pooling_cases(size: int, stride: int) -> list[Case]:
    shapes = ((2, 3, 7, 6),)
    return [
        Case(
            f"max pooling, size {size}, stride {stride}",
            shapes,
            lambda x: bp.max_pooling(x, size, stride),
            lambda x: F.max_pool2d(x, size, stride),
        ),
        Case(
            f"average pooling, size {size}, stride {stride}",
            shapes,
            lambda x: bp.average_pooling(x, size, stride),
            lambda x: F.avg_pool2d(x, size, stride),
        ),
    ]


def torch_batch_norm(x: torch.Tensor, scale: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
    return F.batch_norm(x, None, None, scale, shift, training=True)


MEAN, VARIANCE = np.array([0.3, -0.2, 1.0]), np.array([0.5, 2.0, 1.5])


def ours_estimated(x: bp.Variable, scale: bp.Variable, shift: bp.Variable) -> bp.Variable:
    return bp.normalize_with(x, scale, shift, mean=MEAN, variance=VARIANCE)


def torch_estimated(x: torch.Tensor, scale: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
    return F.batch_norm(x, torch.from_numpy(MEAN), torch.from_numpy(VARIANCE), scale, shift)


CASES = [
    Case("add", ((2, 1, 3), (4, 1)), bp.add, torch.add),
    Case("subtract", ((2, 3), (3,)), bp.subtract, torch.sub),
    Case("multiply", ((2, 1, 3), (4, 1)), bp.multiply, torch.mul),
    Case("negate", ((2, 3),), lambda a: -a, torch.neg),
    Case("total", ((2, 3),), bp.total, torch.sum),
    Case("matrix product", ((2, 5), (5, 3)), bp.matrix_product, torch.matmul),
    Case("matrix products", ((4, 1, 2, 5), (3, 5, 6)), lambda a, b: a @ b, torch.matmul),
    Case("affine", ((2, 5), (5, 3), (3,)), bp.affine, lambda x, weight, bias: F.linear(x, weight.T, bias)),
    Case("reshape", ((2, 6),), lambda x: bp.reshape(x, (3, 4)), lambda x: x.reshape(3, 4)),
    Case("flatten", ((2, 3, 4),), bp.flatten, lambda x: x.flatten(1)),
    Case("step", ((4, 5),), bp.step, lambda x: (x >= 0) * 1.0 + 0 * x),
    Case("sigmoid", ((4, 5),), bp.sigmoid, torch.sigmoid),
    Case("tanh", ((4, 5),), bp.tanh, torch.tanh),
    Case("relu", ((4, 5),), bp.relu, torch.relu),
    Case("gelu", ((4, 5),), bp.gelu, F.gelu),
    Case("tanh gelu", ((4, 5),), bp.tanh_gelu, lambda x: F.gelu(x, approximate="tanh")),
    Case(
        "softmax with loss",
        ((3, 5),),
        lambda x: bp.softmax_with_loss(x, LABELS),
        lambda x: F.cross_entropy(x, torch.from_numpy(LABELS)),
    ),
    Case("mean squared error", ((3, 5), (3, 5)), bp.mean_squared_error, F.mse_loss),
    *(convolution_case(stride, padding) for stride in (1, 2, 3) for padding in (0, 1, 2)),
    *(case for size, stride in ((2, 2), (3, 2), (2, 3), (3, 1)) for case in pooling_cases(size, stride)),
    Case("batch norm of rows", ((6, 3), (3,), (3,)), bp.batch_norm, torch_batch_norm),
    Case("batch norm of images", ((2, 3, 4, 5), (3,), (3,)), bp.batch_norm, torch_batch_norm),
    Case("batch norm of rows, estimated", ((6, 3), (3,), (3,)), ours_estimated, torch_estimated),
    Case("batch norm of images, estimated", ((2, 3, 4, 5), (3,), (3,)), ours_estimated, torch_estimated),
]
