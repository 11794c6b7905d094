"""How far the gradient of a model's last loss reaches back into the sentence it read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from gyebo.runs import Run
from gyebo.views.figure import Figure
from gyebo.views.gradients import gradient_norms
from gyebo.views.looks.inputs import first_input
from gyebo.views.looks.reading import check_length, lacks_text, last_loss, reader, reading
from gyebo.views.recorder import unrolled

__all__ = ["draw", "lacks"]

VECTOR, STATE = "vector of the token", "state after the token"

lacks = lacks_text


def draw(run: Run, inputs: Sequence[str]) -> Figure:
    """The norm of dL/dx_t for every token read, where L is the loss of the last token written or predicted, x_t the token's vector.

    Of a recurrent layer also dL/dh_t: h_t is the state of all forward layers after token t, for an LSTM with its cells. Bengio,
    Simard and Frasconi 1994 showed that this norm falls with the distance by a constant factor a step; gates and attention are two
    ways around it. A translator writes its own translation of the first input, or of the run's first sample.
    """
    sentence = first_input(run, inputs)
    text = reading(run, sentence)
    following = text.write()
    check_length(len(following))
    found = reader(run.model, text)
    with torch.enable_grad(), ExitStack() as hooks:
        vectors = hooks.enter_context(_outputs(found.embedding))
        scans = hooks.enter_context(unrolled(found.layer)) if found.layer is not None else {}
        loss = last_loss(text, following)
    [gradient] = torch.autograd.grad(loss, [vectors[0]], retain_graph=True)  # the first call is that for what is read: (1, S, m)
    lines = {VECTOR: gradient[0].double().norm(dim=1)}
    told = f"the vector of each token ({found.embedding_path!r})"
    if found.layer is not None:
        forward = [scans[f"l{number}"].states for number in range(found.layer.num_layers)]
        lines[STATE] = _norms(loss, [[part for states in layers for part in states] for layers in zip(*forward, strict=True)])
        told += f", and the state of {found.layer_path!r} ({type(found.layer).__name__}) after it,"
    return gradient_norms({name: norms.flip(0).tolist() for name, norms in lines.items()}).introduced(
        f"Gradient of the loss of the last token that {run.name} predicts, with respect to {told} while it reads '{sentence}'; "
        "0 steps back is the last token read."
    )


def _norms(loss: Tensor, steps: Sequence[Sequence[Tensor]]) -> Tensor:
    """The norm of the gradient with respect to all parts of a step together, for each step: (T,)."""
    flat = torch.autograd.grad(loss, [part for step in steps for part in step], materialize_grads=True)
    return torch.stack([part.double().norm() for part in flat]).view(len(steps), -1).norm(dim=1)


@contextmanager
def _outputs(module: nn.Module) -> Iterator[list[Tensor]]:
    """What the module gives back while the context lasts, call by call, with the graph that leads on from it."""
    outputs: list[Tensor] = []

    def keep(module: nn.Module, arguments: tuple[Any, ...], output: Tensor) -> None:
        outputs.append(output)

    hook = module.register_forward_hook(keep)
    try:
        yield outputs
    finally:
        hook.remove()
