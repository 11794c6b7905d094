"""Views of a run: each file takes a run and inputs, computes what is to be seen, and gives the figure.

A new view is one file here and one row in `VIEWS`; a hyphen of its name is an underscore in the file's.  The file offers

    draw(run, inputs) -> Figure    inputs may be empty: then it shows the run's own samples
    lacks(run) -> str | None       what the run lacks for it, to stand after "because"; None where it can be drawn
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["VIEWS"]

VIEWS: Mapping[str, str] = {
    "curves": "loss, metrics, learning rate and gradient norm over the training",
    "alignment": "what a model with attention looked at while it wrote",
    "cross-attention": "attention to the source: what each written token looks at, by layer and head",
    "heads": "self-attention: what each token that is read looks at, by layer and head",
    "decoder-heads": "masked self-attention: what each written token looks at before it, by layer and head",
    "entropy": "how many tokens each head spreads its attention over, in bits",
    "positions": "what tells the model where a token stands, and how alike near and far positions are",
    "gates": "what the gates of a recurrent encoder let through at each token",
    "decoder-gates": "what the gates of a recurrent decoder let through at each token that it writes",
    "filters": "what the first convolution of a network has learned to look for",
    "edges": "edges that filters made by people find in an image, beside what the first convolution has learned",
    "feature-maps": "what the convolutions answer to an image, layer after layer",
    "receptive-field": "which pixels a unit in the middle of each convolution can see",
    "grad-cam": "which parts of an image speak for its class",
    "depth": "how large activations and gradients are, layer by layer",
    "decision-regions": "which class a model gives to everything between three images",
    "segmentation": "masks over images: what a model says each pixel is, the truth, and the mistakes",
    "gradients": "how far back the gradient of the loss reaches into the sentence read",
}
"""name, which is the file's -> what it shows"""
