"""Matrix products by weights that do not change, from copies of the weights in the order in which oneDNN's kernels read them.

A step of decoding multiplies a few rows, one for each hypothesis, by every matrix of the decoder. With so few rows, most of the time
of a product goes into reading the weights, and kernels that find them in row-major order read them badly. The copies are packed
once and serve every step; the numbers differ from those of `torch.nn.functional.linear` by rounding only.

A single row, that of greedy search for one sentence, is faster without oneDNN, whose call alone costs more than a small product: by
the transposed matrix, whose rows are added up, where that is the longer way to write the result, and by the matrix as it is otherwise.
Those kernels run on one thread, so where there are more, large matrices stay packed. Measured by `benchmarks/decoding.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["PackedProducts"]

FEWEST_ROWS = 4
"""fewer rows are filled up to so many: the kernels for packed weights are no faster on fewer"""
ROWS_FORESEEN = 32
"""the order that oneDNN picks for so many rows is a good one for any number"""
SMALLEST_WEIGHT = 128 * 128
"""smaller matrices lie in the nearest cache, where packing gains nothing"""
FEWEST_FOR_THREADS = 2**18
"""numbers in a matrix from which several threads are faster than one with a single row"""


class PackedProducts:
    """Inside, `torch.nn.functional.linear` reads the model's matrices from packed copies, made when one is used a second time.

    For decoding, within `torch.inference_mode`: the weights must not change meanwhile. Only float32 matrices on a CPU are packed, for
    inputs in float32; anything else is computed as ever. The copies stay for the next time that the context is entered.

    >>> layer, rows = nn.Linear(256, 300), torch.ones(5, 256)
    >>> with torch.inference_mode(), PackedProducts(layer):
    ...     first, second = layer(rows), layer(rows)
    >>> torch.allclose(first, second, atol=1e-6)
    True
    """

    def __init__(self, model: nn.Module) -> None:
        self._places: list[tuple[dict[str, nn.Parameter | None], str, nn.Parameter, _PackedWeight]] = []
        if not torch.backends.mkldnn.is_available():
            return
        packed: dict[nn.Parameter, _PackedWeight] = {}  # tied weights are packed once
        for module in model.modules():
            for name, weight in module._parameters.items():
                if weight is not None and _can_be_packed(weight):
                    if weight not in packed:
                        packed[weight] = _PackedWeight.of(weight)
                    self._places.append((module._parameters, name, weight, packed[weight]))

    def __enter__(self) -> None:
        for parameters, name, _, packed in self._places:
            parameters[name] = packed  # type: ignore[assignment]

    def __exit__(self, *error: object) -> None:
        for parameters, name, weight, _ in self._places:
            parameters[name] = weight


def _can_be_packed(weight: Tensor) -> bool:
    return (
        weight.dtype == torch.float32
        and weight.device.type == "cpu"
        and weight.dim() == 2
        and weight.numel() >= SMALLEST_WEIGHT
        and weight.is_contiguous()
    )


class _PackedWeight(Tensor):
    """A matrix that knows its packed copy, and those of its slices of rows; in all but `linear`, a tensor like any other."""

    used: bool
    packed: Tensor | None
    turned: Tensor | None
    """the matrix transposed"""
    slices: dict[tuple[int | None, int | None, int | None], _PackedWeight]

    @classmethod
    def of(cls, weight: Tensor) -> _PackedWeight:
        own = weight.detach().as_subclass(cls)
        own.used, own.packed, own.turned, own.slices = False, None, None, {}
        return own

    @classmethod
    def __torch_function__(  # type: ignore[override]
        cls, function: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        with torch._C.DisableTorchFunctionSubclass():
            if function is F.linear and not kwargs and isinstance(args[1], cls):
                return args[1].product(args[0], args[2] if len(args) > 2 else None)
            if function is Tensor.__getitem__ and isinstance(args[1], slice):
                return args[0].slice(args[1])
            return function(*args, **(kwargs or {}))

    def slice(self, rows: slice) -> Tensor:
        """These rows of the matrix, packed by themselves."""
        key = (rows.start, rows.stop, rows.step)
        if key not in self.slices:
            part = self.as_subclass(Tensor)[rows]
            if not _can_be_packed(part):
                return part
            self.slices[key] = _PackedWeight.of(part)
        return self.slices[key]

    def product(self, sequence: Tensor, bias: Tensor | None) -> Tensor:
        """sequence (..., D) -> (..., V): what `torch.nn.functional.linear` gives."""
        if sequence.dtype != torch.float32 or torch.is_autocast_enabled("cpu") or torch.is_grad_enabled():
            return F.linear(sequence, self.as_subclass(Tensor), bias)
        if not self.used:  # a copy for a single use would not pay
            self.used = True
            return F.linear(sequence, self.as_subclass(Tensor), bias)
        if sequence.dim() != 2:
            product = self.product(sequence.reshape(-1, sequence.shape[-1]), bias)
            return product.view(*sequence.shape[:-1], product.shape[-1])
        count = sequence.shape[0]
        if count == 1 and (self.numel() < FEWEST_FOR_THREADS or torch.get_num_threads() == 1):
            return self._product_of_one_row(sequence, bias)
        packed = self.packed
        if packed is None:
            packed = self.packed = torch.ops.mkldnn._reorder_linear_weight(self.as_subclass(Tensor), ROWS_FORESEEN)
        if count >= FEWEST_ROWS:
            return _packed_linear(sequence, packed, bias)
        filled = sequence.expand(FEWEST_ROWS, -1) if count == 1 else F.pad(sequence, (0, 0, 0, FEWEST_ROWS - count))
        return _packed_linear(filled, packed, bias).narrow(0, 0, count)

    def _product_of_one_row(self, row: Tensor, bias: Tensor | None) -> Tensor:
        """(1, D) -> (1, V)."""
        matrix = self.as_subclass(Tensor)
        if matrix.shape[0] < matrix.shape[1]:
            return F.linear(row, matrix, bias)
        if self.turned is None:
            self.turned = matrix.t().contiguous()
        return torch.mm(row, self.turned) if bias is None else torch.addmm(bias, row, self.turned)


def _packed_linear(rows: Tensor, packed: Tensor, bias: Tensor | None) -> Tensor:
    return torch.ops.mkldnn._linear_pointwise.default(rows, packed, bias, "none", [], "")
