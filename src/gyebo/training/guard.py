"""NaN and infinity: found before they reach the weights, and traced to the first module that made them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from gyebo.errors import GyeboError

__all__ = ["NonFiniteError", "first_bad_module"]


class NonFiniteError(GyeboError):
    """A loss or a gradient was NaN or infinite; the weights are those before the update."""


def first_bad_module(model: nn.Module, forward: Callable[[], Tensor]) -> str:
    """Say where NaN or infinity comes from: the first module in the order of computation whose output holds it.

    forward: computes the loss once more. Where every output is finite, the gradients are searched instead.
    """
    bad: list[str] = []

    def watch(name: str) -> Callable[[nn.Module, object, object], None]:
        def look(module: nn.Module, inputs: object, output: object) -> None:
            if not bad and any(not tensor.isfinite().all() for tensor in _floats(output)):
                bad.append(f"the output of {name} ({type(module).__name__})")

        return look

    # a parent's hook runs after its children's, so the innermost culprit is named first
    hooks = [module.register_forward_hook(watch(name)) for name, module in model.named_modules() if name]
    try:
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if not parameter.isfinite().all():
                    return f"the weight {name}"
            loss = forward()
    finally:
        for hook in hooks:
            hook.remove()
    if bad:
        return bad[0]
    if not loss.isfinite():
        return "the loss"
    gradients = [
        name for name, parameter in model.named_parameters() if parameter.grad is not None and not parameter.grad.isfinite().all()
    ]
    return f"the gradient of {gradients[0]}" if gradients else "the sum of the gradients' squares"


def _floats(value: object) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value] if value.is_floating_point() else []
    if isinstance(value, dict):
        return [tensor for item in value.values() for tensor in _floats(item)]
    if isinstance(value, tuple | list):
        return [tensor for item in value for tensor in _floats(item)]
    return []
