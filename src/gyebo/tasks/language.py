"""Language modelling: what comes next, sentence by sentence.

The text is one side of a dataset (the target side of its pairs), or the user's own file with a sentence a line. Perplexity counts
the end of a sentence as a token; bits per character compare models whose vocabularies differ.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gyebo.config import from_mapping
from gyebo.data.batching import Rows, TokenSequences, epoch_batches, in_order
from gyebo.data.download import Progress
from gyebo.data.parallel import PairsConfig, ParallelText, open_parallel, open_whole
from gyebo.data.vocabulary import Vocabulary, VocabularyConfig
from gyebo.decoding import DecodingConfig, decode
from gyebo.errors import UsageError, did_you_mean
from gyebo.layers.limits import source_limit
from gyebo.layers.sequence import per_hypothesis, real_positions
from gyebo.models.interfaces import BEGIN, PADDING, LanguageModel, State
from gyebo.storage import write_text
from gyebo.tasks.interface import Evaluation, Interrupt, Prediction
from gyebo.tasks.next_token import evaluating, summed_loss, teacher_forced
from gyebo.tasks.text import check_input, check_longest, prediction_notes

__all__ = ["Language", "LanguageConfig", "LanguageProblem"]

HIGHER_IS_BETTER = {"loss": False, "perplexity": False, "bits_per_character": False, "accuracy": True}
NUM_SHOWN = 10
"""test sentences whose second half is written anew in an evaluation"""


@dataclass(frozen=True, kw_only=True)
class LanguageConfig:
    """The [language] table of a recipe."""

    pairs: PairsConfig = field(default_factory=PairsConfig)
    """its target side is modelled"""
    vocabulary: VocabularyConfig = field(default_factory=VocabularyConfig)
    max_tokens: int = 200
    """training sentences with more tokens are cut there (and counted); evaluation reads every sentence to its end"""
    decoding: DecodingConfig = field(default_factory=lambda: DecodingConfig(beam=1))

    def __post_init__(self) -> None:
        if self.max_tokens < 1:
            raise ValueError(f"max_tokens={self.max_tokens} leaves nothing of a sentence; it must be at least 1, 200 is usual.")


@dataclass(frozen=True)
class Sentences:
    """A split as token numbers, each sentence ended by END unless it was cut before."""

    tokens: TokenSequences

    def __len__(self) -> int:
        return len(self.tokens)

    def batches(self, tokens: int, seed: int, epoch: int) -> list[Rows]:
        return epoch_batches([self.tokens.lengths], tokens, seed, epoch)

    def in_order(self, tokens: int) -> list[Rows]:
        return in_order([self.tokens.lengths], tokens)

    def num_tokens(self, rows: Rows) -> int:
        return int(self.tokens.lengths[rows].sum())

    def real_features(self, model: nn.Module, rows: Rows, device: str) -> tuple[Tensor, Tensor]:
        following, lengths = (tensor.to(device) for tensor in self.tokens.padded(rows))
        tokens = torch.cat([torch.full_like(following[:, :1], BEGIN), following[:, :-1]], 1)
        real = real_positions(lengths, following.shape[1])
        features = model.features(tokens.masked_fill(~real, PADDING), lengths)  # type: ignore[operator]
        return features[real], following[real]


class Language:
    """The task: its config and its vocabulary."""

    name = "language"
    Config = LanguageConfig
    model_field_names = ("vocabulary",)
    reads = "text"

    def __init__(self, config: LanguageConfig, vocabulary: Vocabulary) -> None:
        self.config, self.vocabulary = config, vocabulary

    @staticmethod
    def open(
        data: tuple[str, ...], config: LanguageConfig, data_dir: Path | None, on_progress: Progress | None = None
    ) -> ParallelText:
        return open_parallel(_as_pairs(data), config.pairs, data_dir, on_progress)

    @staticmethod
    def open_whole(data: tuple[str, ...], config: LanguageConfig, data_dir: Path | None) -> ParallelText:
        return open_whole(_as_pairs(data), config.pairs, data_dir)

    @classmethod
    def learn(cls, config: LanguageConfig, data: ParallelText) -> Language:
        return cls(config, Vocabulary.train(data.train.target, config.vocabulary))

    @classmethod
    def load(cls, config: Mapping[str, Any], folder: Path) -> Language:
        """Read a task that `save` wrote.  Raises GyeboError for files that are missing or not vocabularies."""
        settings = from_mapping(LanguageConfig, config, f"{folder / 'config.json'}")
        return cls(settings, Vocabulary.read(folder / "tokenizer.json"))

    def save(self, folder: Path) -> None:
        write_text(folder / "tokenizer.json", self.vocabulary.to_json())

    def model_fields(self) -> dict[str, Any]:
        return {"vocabulary": len(self.vocabulary)}

    def problem(self, data: ParallelText, seed: int = 0) -> LanguageProblem:
        return LanguageProblem(self, data)

    def sentences(self, texts: Sequence[str]) -> Sentences:
        """A split as token numbers."""
        return Sentences(TokenSequences.of(self.vocabulary.encode(texts)))

    def predict(
        self, model: nn.Module, inputs: Sequence[str], device: str = "cpu", interrupt: Interrupt = lambda: None
    ) -> list[Prediction]:
        """Continue texts to the end of the sentence.  Raises UsageError for inputs that are not a line of text."""
        for number, text in enumerate(inputs, 1):
            check_input(text, f"Input {number}")
        with evaluating(model):
            return [self._continue(model, text, device, interrupt) for text in inputs]

    def notes(self, inputs: Sequence[str]) -> list[str]:
        """What a reader of the predictions should know, a sentence each."""
        return prediction_notes(inputs, self.vocabulary, self.vocabulary, self.config.decoding)

    def _continue(self, model: nn.Module, text: str, device: str, interrupt: Interrupt) -> Prediction:
        interrupt()
        beginning = self.vocabulary.encode([text])[0][:-1]
        tokens = torch.tensor([[BEGIN, *beginning]], device=device)
        lengths = torch.tensor([tokens.shape[1]], device=device)
        hypotheses = decode(_Continuation(model), tokens, lengths, self.config.decoding)[0]  # type: ignore[arg-type]
        best = hypotheses[0]
        return Prediction(
            input=text,
            output=self.vocabulary.decode(best.tokens),
            score=best.score,
            input_tokens=self.vocabulary.names(beginning),
            output_tokens=self.vocabulary.names(best.tokens),
            alternatives=tuple(self.vocabulary.decode(other.tokens) for other in hypotheses[1:]),
        )

    def evaluate(
        self, model: nn.Module, data: ParallelText, split: str, device: str = "cpu", interrupt: Interrupt = lambda: None
    ) -> Evaluation:
        """Loss, perplexity, bits per character and token accuracy; a few sentences are continued from their first half."""
        texts: Sequence[str] = getattr(data, split).target
        metrics = teacher_forced(model, self.sentences(texts), device, interrupt)
        metrics["bits_per_character"] = self._bits_per_character(metrics["loss"], texts)
        halves = [_halves(text) for text in texts if len(text.split()) > 1][:NUM_SHOWN]
        return Evaluation(
            metrics=metrics,
            signatures={"perplexity": f"tokens:{self.config.vocabulary.unit}|vocabulary:{len(self.vocabulary)}|eos:counted"},
            tables={},
            predictions=self.predict(model, [first for first, _ in halves], device, interrupt),
            references=[second for _, second in halves],
        )

    def _bits_per_character(self, loss: float, texts: Sequence[str]) -> float:
        """Nats a token to bits a character; the end of each sentence counts as one character, as its line feed would."""
        numbers = self.sentences(texts).tokens.lengths
        return loss * float(numbers.sum()) / math.log(2) / sum(len(self.vocabulary.normalize(text)) + 1 for text in texts)


class LanguageProblem:
    """Language modelling with its data: what the training loop works on."""

    def __init__(self, task: Language, data: ParallelText) -> None:
        self.task = task
        whole, longest = task.sentences(data.train.target).tokens, task.config.max_tokens
        num_cut = int((whole.lengths > longest).sum())
        self.notes = (f"{num_cut:,} training sentences with more than {longest} tokens are cut there.",) if num_cut else ()
        self.training = Sentences(whole.cut(longest))
        self.validation = task.sentences(data.validation.target)
        self._test = task.sentences(data.test.target)

    def check(self, model: nn.Module) -> None:
        splits = {"training": self.training, "validation": self.validation, "test": self._test}
        for name, split in splits.items():
            check_longest(split.tokens.lengths, source_limit(model), name, "--language.max-tokens")

    def loss(self, model: nn.Module, rows: Rows, device: str) -> Tensor:
        return summed_loss(model, self.training, rows, device)

    def validate(self, model: nn.Module, device: str, interrupt: Interrupt) -> dict[str, float]:
        return teacher_forced(model, self.validation, device, interrupt)

    def higher_is_better(self, metric: str) -> bool:
        if metric not in HIGHER_IS_BETTER:
            raise UsageError(f"The task language has no metric {metric!r}. {did_you_mean(metric, HIGHER_IS_BETTER)}")
        return HIGHER_IS_BETTER[metric]


class _Continuation:
    """A language model behind the interface that searches ask: the memory is the beginning, already read but for its last token."""

    def __init__(self, model: nn.Module) -> None:
        self.model: LanguageModel = model  # type: ignore[assignment]

    def encode(self, source: Tensor, source_lengths: Tensor) -> State:
        state = self.model.start(len(source))
        for tokens in source[:, :-1].unbind(1):
            _, state = self.model.step(tokens, state)
        return {**state, "last": source[:, -1]}

    def start(self, memory: State) -> State:
        return {name: tensor for name, tensor in memory.items() if name != "last"}

    def step(self, tokens: Tensor, state: State, memory: State) -> tuple[Tensor, State]:
        last = per_hypothesis(memory["last"], len(tokens))
        return self.model.step(torch.where(tokens == BEGIN, last, tokens), state)


def _as_pairs(data: tuple[str, ...]) -> tuple[str, ...]:
    """A plain text file stands on both sides of its pairs."""
    plain = len(data) == 1 and data[0].removesuffix(".gz").endswith(".txt")
    return data * 2 if plain else data


def _halves(text: str) -> tuple[str, str]:
    words = text.split()
    return " ".join(words[: len(words) // 2]), " ".join(words[len(words) // 2 :])
