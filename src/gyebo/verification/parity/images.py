"""What helps to write an `ImageParityCase`: another library's module as the reference."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torch.func import functional_call

from gyebo.verification.parity.case import Answer, Weights

__all__ = ["module_answer"]


def module_answer(
    build: Callable[[Any], nn.Module], rename: Callable[[str], str], *, training: bool = False
) -> Callable[[Weights, Any, Tensor], Answer]:
    """The answer of an independent module with our weights in it, for `ImageParityCase`.

    build: our config -> the module; what it was initialised with does not matter.  rename: our name of a parameter or buffer -> its.
    training: for a case in training mode; the module should have no dropout then.
    Raises RuntimeError where a name is left over or missing on either side, so no weight of the module's own can take part.

    >>> import torch
    >>> answer = module_answer(lambda config: nn.Linear(2, 1), lambda name: name.removeprefix("output."))
    >>> answer({"output.weight": torch.ones(1, 2), "output.bias": torch.zeros(1)}, None, torch.ones(1, 2))["logits"]
    tensor([[2.]])
    """

    def answer(weights: Weights, config: Any, images: Tensor) -> Answer:
        module = build(config).to(images.dtype).train(training)
        given = {rename(name): tensor for name, tensor in weights.items()}
        return {"logits": functional_call(module, given, (images,), strict=True)}

    return answer
