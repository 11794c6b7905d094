"""What a translator with attention looked at while it wrote."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from gyebo.models.interfaces import END
from gyebo.runs import Run
from gyebo.tasks.translate import Translate
from gyebo.views.alignment import Alignment, alignments
from gyebo.views.figure import Figure
from gyebo.views.looks.inputs import samples
from gyebo.views.looks.reading import check_length, lacks_weights, reading

__all__ = ["draw", "lacks"]

NUM_SAMPLES = 4


def lacks(run: Run) -> str | None:
    if not isinstance(run.task, Translate):
        return f"its task is {run.task_name!r} and not 'translate'"
    if (reason := lacks_weights(run)) is not None:
        return reason
    model = run.model  # loaded before inference mode begins, or its weights could never have gradients
    with torch.inference_mode():
        memory = model.encode(torch.tensor([[END]]), torch.tensor([1]))  # type: ignore[operator]
        state = model.start(memory)  # type: ignore[operator]
    return None if "alignment" in state else f"its architecture {run.architecture_name!r} does not align"


def draw(run: Run, inputs: Sequence[str]) -> Figure:
    """The inputs, or the first of the run's samples, each with its translation.

    Raises UsageError for a sentence that is empty or too long to be drawn.
    """
    texts = list(inputs) or samples(run)[:NUM_SAMPLES]
    for text in texts:
        reading(run, text)  # refuses what cannot be drawn before it is translated
    shown = []
    for prediction in run.predict(texts):
        check_length(len(prediction.output_tokens))
        assert prediction.alignment is not None, "a model that starts with an alignment keeps one at every step"
        shown.append(Alignment(prediction.input_tokens, prediction.output_tokens, prediction.alignment))
    return alignments(shown)
