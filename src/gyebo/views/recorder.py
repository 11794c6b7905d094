"""The recorder: what every module of a model was given and gave back, and what fused kernels hide in between.

Hooks stand on the modules only while they are recorded, so looking inside costs training nothing.  What a fused kernel does not
keep (the gates of a recurrent layer, the weights of every head of an attention) is computed a second time from the recorded arguments
by plain equations, in the precision of the call, and shown only if this reproduces what the model computed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from gyebo.layers.inspection import Inspectable
from gyebo.layers.recurrent import Recurrent
from gyebo.layers.unrolled import UnrolledScan, unroll

__all__ = ["TOLERANCE", "Call", "RecordingError", "record", "unrolled"]

TOLERANCE = {torch.float64: 1e-9, torch.float32: 1e-4, torch.bfloat16: 5e-2}
"""dtype of the computation -> how far a vector may be from that of the first one, as a share of its length or of the mean length.

Of vectors, not of numbers: a state that is rounded to bfloat16 at every step goes another way in single units, not as a whole.
"""

Result = TypeVar("Result")


class RecordingError(AssertionError):
    """A second computation does not give what the model computed: a fault of gyebo, and the picture would lie."""


@dataclass(frozen=True)
class Call:
    """One call of one module.  Tensors are copies, as they were at the call, and carry no gradient.

    inside: what the module hides, by name, the batch in front; of a stack of scans as "l0.update", "l0_reverse.update".
    """

    arguments: tuple[Any, ...]
    named: Mapping[str, Any]
    output: Any
    inside: Mapping[str, Tensor] = field(default_factory=dict)


def record(model: nn.Module, call: Callable[[], Result]) -> tuple[Result, dict[str, list[Call]]]:
    """Run `call`, and keep each call of each module of the model, by the module's path, in the order of the calls.

    model: any module, also one of your own or a run's (`gyebo.load("runs/dates").model`); only what is an `Inspectable` or a
        recurrent layer of gyebo has an inside.
    A path is that of `model.named_modules()`, which names a module that stands in two places once. The computation is the one
    without recorder, bit for bit; the hooks are gone afterwards, whatever happens.
    Raises RecordingError where what a module hides cannot be reproduced within TOLERANCE, ValueError where a recurrent layer drops
    outputs at random between its layers, and what `call` raises.

    >>> from gyebo.layers import GRU
    >>> layer = nn.Sequential(nn.Linear(2, 3), GRU(3, 4))
    >>> result, calls = record(layer, lambda: layer(torch.randn(1, 5, 2)))
    >>> list(calls), calls["1"][0].inside["l0.reset"].shape
    (['0', '1', ''], torch.Size([1, 5, 4]))
    """
    heard: list[tuple[str, nn.Module, Call, _Precision]] = []

    def listener(path: str) -> Callable[..., None]:
        def listen(module: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any], output: Any) -> None:
            precision = _Precision.of(output)
            heard.append((path, module, Call(_kept(arguments), _kept(named), _kept(output)), precision))

        return listen

    with ExitStack() as hooks:
        for path, module in model.named_modules():
            hooks.callback(module.register_forward_hook(listener(path), with_kwargs=True).remove)
        result = call()
    calls: dict[str, list[Call]] = {}
    for path, module, one, precision in heard:
        with precision.restored():
            calls.setdefault(path, []).append(_opened(path, module, one, precision))
    return result, calls


@dataclass(frozen=True)
class _Precision:
    """The autocast under which a module was called: its device, and the type of its products, None where it was off."""

    device: str
    reduced: torch.dtype | None

    @classmethod
    def of(cls, output: Any) -> _Precision:
        device = next((tensor.device.type for tensor in _tensors(output)), "cpu")
        return cls(device, torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else None)

    def restored(self) -> AbstractContextManager[Any]:
        return torch.autocast(self.device, self.reduced, enabled=self.reduced is not None)

    def tolerance(self, dtype: torch.dtype) -> float:
        """An output may be kept in float32 although it was computed in bfloat16."""
        return max(TOLERANCE.get(dtype, 0.0), TOLERANCE.get(self.reduced, 0.0) if self.reduced is not None else 0.0)


@contextmanager
def unrolled(layer: Recurrent[Any]) -> Iterator[dict[str, UnrolledScan]]:
    """While the context lasts, the layer computes step by step, so that autograd sees the state of every step.

    Yields a mapping that the layer's next call fills with its scans: their states stand in the graph of its outputs.
    Raises RecordingError, out of that call, where the steps do not reproduce what the layer computes.

    >>> from gyebo.layers import RNN
    >>> layer = RNN(1, 2)
    >>> with unrolled(layer) as scans:
    ...     outputs, final = layer(torch.ones(1, 3, 1))
    >>> [gradient] = torch.autograd.grad(final.sum(), scans["l0"].states[0][0])
    >>> gradient.shape
    torch.Size([1, 2])
    """
    scans: dict[str, UnrolledScan] = {}

    def replace(module: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any], output: Any) -> Any:
        inside = unroll(layer, *arguments, **named)
        plain = inside.outputs, inside.state
        _check("the unrolled layer", plain, output, _Precision.of(output))
        scans.update(inside.scans)
        return plain

    hook = layer.register_forward_hook(replace, with_kwargs=True)
    try:
        yield scans
    finally:
        hook.remove()


@torch.no_grad()
def _opened(path: str, module: nn.Module, call: Call, precision: _Precision) -> Call:
    """The call with what the module hides, after checking that computing it again gives the same output."""
    if isinstance(module, Recurrent):
        layer = unroll(module, *call.arguments, **call.named)
        output: Any = (layer.outputs, layer.state)
        inside = {f"{scan}.{name}": gate for scan, each in layer.scans.items() for name, gate in each.gates.items()}
    elif isinstance(module, Inspectable):
        output, inside = module.inside(*call.arguments, **call.named)
    else:
        return call
    _check(f"module {path!r} ({type(module).__name__})", output, call.output, precision)
    return Call(call.arguments, call.named, call.output, inside)


@torch.no_grad()
def _check(what: str, second: Any, first: Any, precision: _Precision) -> None:
    pairs = list(zip(_tensors(second), _tensors(first), strict=True))
    for number, (again, before) in enumerate(pairs, start=1):
        if again.shape != before.shape:
            raise _difference(number, what, "in shape", "none")
        tolerance = precision.tolerance(before.dtype)
        length = before.double().norm(dim=-1)
        distance = (again.double() - before.double()).norm(dim=-1)
        scale = length.clamp(min=length.mean())
        if not (distance <= tolerance * scale).all():  # nor where one of them is NaN
            raise _difference(
                number, what, f"by up to {(distance / scale).max():.3g} of a vector's length", f"at most {tolerance:g}"
            )


def _difference(number: int, what: str, far: str, expected: str) -> RecordingError:
    return RecordingError(
        f"Output {number} of {what}, computed again by plain equations, differs {far} from what the model computed; {expected} was"
        " expected. This is a fault of gyebo: please report it."
    )


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _tensors(item)


def _kept(value: Any) -> Any:
    """The value with a copy of every tensor in it, cut off from its graph; dictionaries, lists and tuples are rebuilt around them.

    Copies, because a model may go on to write into what a module gave back, as `relu_` does.
    """
    if isinstance(value, Tensor):
        return value.detach().clone()
    if isinstance(value, dict):
        return {key: _kept(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_kept(item) for item in value]
    if isinstance(value, tuple):
        return tuple(_kept(item) for item in value)
    return value
