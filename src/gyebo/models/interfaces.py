"""What the rest of gyebo may ask of a model, whatever its architecture.

Tasks, decoding, views and the contract tests use these interfaces and never the name of an architecture. Token numbers below
`FIRST_TOKEN` have one meaning in every vocabulary of the project.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol, TypeAlias, runtime_checkable

from torch import Tensor

__all__ = [
    "BEGIN",
    "END",
    "FIRST_TOKEN",
    "PADDING",
    "SPECIAL_TOKENS",
    "UNKNOWN",
    "ChannelsFirst",
    "Choices",
    "ImageClassifier",
    "ImageSegmenter",
    "LanguageModel",
    "OwnLoss",
    "Rows",
    "State",
    "StochasticTranslator",
    "Translator",
]

PADDING, UNKNOWN, BEGIN, END = 0, 1, 2, 3
SPECIAL_TOKENS = ("<pad>", "<unk>", "<bos>", "<eos>")
FIRST_TOKEN = len(SPECIAL_TOKENS)

State: TypeAlias = dict[str, Any]
"""What decoding carries along, by name: tensors with the batch as their first dimension, or `Rows`.

Of a memory, a row is a sentence; of what changes from step to step, a hypothesis. In a beam the hypotheses of a sentence stand one
after the other, and all read the one row of the memory that is theirs.
"""


class Rows(Protocol):
    """A part of a state that is not one tensor, such as a `gyebo.layers.cache.KeyValueCache`."""

    def __len__(self) -> int: ...

    def select(self, rows: Tensor) -> Rows:
        """These rows, in this order."""
        ...

    def repeat(self, times: int) -> Rows:
        """Each row so many times in a row."""
        ...


class Translator(Protocol):
    """A sequence-to-sequence model: p(y_1 .. y_T | x_1 .. x_S) as a product over target tokens.

    source: (B, S) token numbers, each row ended by END and then padded; source_lengths: (B,), END counted.
    target: (B, T) token numbers, each row begun by BEGIN: position t predicts the token that stands at t + 1.
    """

    def __call__(self, source: Tensor, source_lengths: Tensor, target: Tensor) -> Tensor:
        """Teacher forcing: logits (B, T, V), equal to logits(features(...))."""
        ...

    def features(self, source: Tensor, source_lengths: Tensor, target: Tensor) -> Tensor:
        """What the output layer reads, (B, T, R): the loss picks the real positions before it pays for the vocabulary."""
        ...

    def logits(self, features: Tensor) -> Tensor:
        """The output layer: (..., R) -> (..., V)."""
        ...

    def encode(self, source: Tensor, source_lengths: Tensor) -> State:
        """The memory that decoding reads: it never changes while a sentence is decoded."""
        ...

    def start(self, memory: State) -> State:
        """The state before the first target token."""
        ...

    def step(self, tokens: Tensor, state: State, memory: State) -> tuple[Tensor, State]:
        """One target token further: tokens (rows,) -> logits (rows, V) for the next one, and the new state.

        There are as many rows as sentences in the memory, or in a beam a whole number of times as many.
        A model that aligns keeps the weights of this step in the new state as "alignment", (rows, S).
        """
        ...


class Choices(NamedTuple):
    """What a model chose at random for each target token of a batch, and how sure it was."""

    log_probability: Tensor
    """of what was chosen, natural logarithm, (B, T); 0 where nothing was left to chance"""
    entropy: Tensor
    """of the distribution that it was drawn from, in nats, (B, T)"""


@runtime_checkable
class StochasticTranslator(Protocol):
    """A translator that makes random choices in training, and learns from how well they did.

    `Translator.features` makes no random choice: it is what the model does once it is trained. Training asks for the features of
    sampled choices instead, and adds to its loss what `choice_loss` says of them.
    """

    def sampled_features(self, source: Tensor, source_lengths: Tensor, target: Tensor) -> tuple[Tensor, Choices]:
        """As `Translator.features`, (B, T, R), with choices drawn from torch's global generator."""
        ...

    def choice_loss(self, choices: Choices, log_likelihood: Tensor, real: Tensor) -> Tensor:
        """What the loss gets for the choices, summed over the real tokens: a number whose gradient is that of expected reward.

        log_likelihood: log p of each target token under these choices, (B, T), without gradient; real (B, T).
        """
        ...


class LanguageModel(Protocol):
    """A causal model of one sequence: position t predicts token t + 1 from tokens 1 .. t."""

    def __call__(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """tokens (B, T), each row begun by BEGIN; lengths (B,) -> logits (B, T, V), equal to logits(features(...))."""
        ...

    def features(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """What the output layer reads, (B, T, R)."""
        ...

    def logits(self, features: Tensor) -> Tensor:
        """The output layer: (..., R) -> (..., V)."""
        ...

    def start(self, rows: int) -> State:
        """The state before the first token, for so many rows."""
        ...

    def step(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """One token (B,) further: logits (B, V) for the next one, and the new state."""
        ...


class ImageClassifier(Protocol):
    """p(class | image).  The config has num_channels, num_classes and image_size: height and width, which are equal.

    images: (B, C, H, W), standardised as the task says, so that about half of the numbers are negative.
    """

    def __call__(self, images: Tensor) -> Tensor:
        """Logits (B, classes), equal to logits(features(images))."""
        ...

    def features(self, images: Tensor) -> Tensor:
        """What the output layer reads, (B, R)."""
        ...

    def logits(self, features: Tensor) -> Tensor:
        """The output layer: (B, R) -> (B, classes)."""
        ...


@runtime_checkable
class ChannelsFirst(Protocol):
    """A network whose convolutions may measure faster with channels first on a CPU, where those of others do with channels last."""

    channels_first: bool


@runtime_checkable
class OwnLoss(Protocol):
    """A classifier that its paper trains with another loss than the cross-entropy of its logits, or with more than that."""

    def training_loss(self, images: Tensor, labels: Tensor) -> Tensor:
        """What training minimises, summed over the images: images (B, C, H, W), labels (B,) -> a number."""
        ...


class ImageSegmenter(Protocol):
    """p(class | pixel) for every pixel of an image, or of its middle.  The config has num_channels and num_classes."""

    def __call__(self, images: Tensor) -> Tensor:
        """images (B, C, H, W) -> logits (B, classes, *output_size(H, W)), of the pixels in the middle of the image."""
        ...

    def output_size(self, height: int, width: int) -> tuple[int, int]:
        """How many rows and columns of pixels get logits.  Raises ValueError for sizes that the network cannot halve evenly."""
        ...
