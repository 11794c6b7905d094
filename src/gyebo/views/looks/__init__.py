"""Views of a run: each file takes a run and inputs, computes what is to be seen, and gives the figure.

A new view is one file here and one row in `VIEWS`.  The file offers

    draw(run, inputs) -> Figure    inputs may be empty: then it shows the run's own samples
    lacks(run) -> str | None       what the run lacks for it, to stand after "because"; None where it can be drawn
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["VIEWS"]

VIEWS: Mapping[str, str] = {
    "curves": "loss, metrics, learning rate and gradient norm over the training",
    "alignment": "what a model with attention looked at while it wrote",
    "gates": "what the gates of a recurrent encoder let through at each token",
    "gradients": "how far back the gradient of the loss reaches into the sentence read",
}
"""name, which is the file's -> what it shows"""
