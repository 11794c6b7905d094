"""From a model's step to whole sequences: greedy and beam search, for any model with the `Translator` interface."""

from gyebo.decoding.beam_search import beam_search
from gyebo.decoding.greedy import greedy_search
from gyebo.decoding.hypothesis import DecodingConfig, Hypothesis

__all__ = ["DecodingConfig", "Hypothesis", "beam_search", "greedy_search"]
