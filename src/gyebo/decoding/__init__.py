"""From a model's step to whole sequences, for any model with the `Translator` interface: searched, drawn, or given."""

from gyebo.decoding.beam_search import beam_search
from gyebo.decoding.config import DecodingConfig, SamplingConfig
from gyebo.decoding.fast_steps import fast_steps
from gyebo.decoding.forced import score
from gyebo.decoding.greedy import greedy_search
from gyebo.decoding.hypothesis import Hypothesis
from gyebo.decoding.sampling import sample
from gyebo.decoding.search import decode
from gyebo.layers.packed import PackedProducts

__all__ = [
    "DecodingConfig",
    "Hypothesis",
    "PackedProducts",
    "SamplingConfig",
    "beam_search",
    "decode",
    "fast_steps",
    "greedy_search",
    "sample",
    "score",
]
