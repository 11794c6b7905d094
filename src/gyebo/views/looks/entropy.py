"""Over how many tokens each head of a model spreads its attention."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gyebo.runs import Run
from gyebo.views.entropy import LayerEntropy, entropy, entropy_bits
from gyebo.views.figure import Figure
from gyebo.views.looks.attention import Heads, Reads, lacks_attention, written
from gyebo.views.looks.inputs import samples
from gyebo.views.looks.reading import reading

__all__ = ["draw", "lacks"]


def lacks(run: Run) -> str | None:
    return lacks_attention(run)


def draw(run: Run, inputs: Sequence[str]) -> Figure:
    """The inputs, or all of the run's samples: the mean over every token of every text, with the model's own translations.

    The bound is the mean of log2 of how many tokens could be looked at. Raises UsageError for a text that is empty or too long.
    """
    texts = [reading(run, text) for text in list(inputs) or samples(run)]
    by_text = [written(run.model, text).attentions for text in texts]
    layers: dict[Reads, list[LayerEntropy]] = {kind: [] for kind in Reads}
    for attentions in zip(*by_text, strict=True):  # the same module in every text
        layers[attentions[0].reads].append(_mean(attentions))
    return entropy([(kind.value, group) for kind, group in layers.items()], len(texts)).introduced(f"The heads of {run.name}.")


def _mean(attentions: Sequence[Heads]) -> LayerEntropy:
    """The mean over the queries of all texts, each of which may look at so many keys."""
    bits, bounds = [], []
    for each in attentions:
        _, num_queries, num_keys = each.weights.shape
        bits.append(entropy_bits(each.weights.double().numpy()))  # (N, T)
        masked = each.reads is Reads.ITS_PAST
        bounds.append(np.log2(np.arange(1, num_queries + 1) if masked else np.full(num_queries, num_keys)))
    heads = np.concatenate(bits, 1).mean(1)
    return LayerEntropy(attentions[0].path, heads.tolist(), float(np.concatenate(bounds).mean()))
