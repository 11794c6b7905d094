"""How far the gradient of a model's last loss reaches back into the sentence it read."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from gyebo.runs import Run
from gyebo.views.figure import Figure
from gyebo.views.gradients import gradient_norms
from gyebo.views.looks.inputs import first_input
from gyebo.views.looks.reading import lacks_recurrent_layer, reading, recurrent_call
from gyebo.views.recorder import unrolled

__all__ = ["draw", "lacks"]

lacks = lacks_recurrent_layer


def draw(run: Run, inputs: Sequence[str]) -> Figure:
    """The norm of dL/dh_t for every step t of the reading layer, where L is the loss of the last token written or predicted.

    h_t is the state of all forward layers after step t, for an LSTM with its cells; a translator writes its own translation
    of the first input, or of the run's first sample. Bengio, Simard and Frasconi 1994 showed that this norm falls with the
    distance by a constant factor a step; gates and attention are two ways around it.
    """
    sentence = first_input(run, inputs)
    text = reading(run, sentence)
    path, layer, _, _ = recurrent_call(run.model, text)
    with torch.enable_grad(), unrolled(layer) as scans:
        loss = text.last_loss()
        forward = [scans[f"l{number}"].states for number in range(layer.num_layers)]
        steps = [[part for states in layers for part in states] for layers in zip(*forward, strict=True)]
        flat = torch.autograd.grad(loss, [part for step in steps for part in step], materialize_grads=True)
    norms = torch.stack([part.double().norm() for part in flat]).view(len(steps), -1).norm(dim=1)
    return gradient_norms({run.name: norms.flip(0).tolist()}).introduced(
        f"Gradient of the loss of the last predicted token with respect to the state of {path!r} ({type(layer).__name__}) "
        f"while it reads '{sentence}'; 0 steps back is the end of the sentence.",
    )
