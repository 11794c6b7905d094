"""Translation: a sentence in, a sentence out.

Data flow: pairs of texts -> one vocabulary a side -> token numbers in memory -> batches of equal token count from length buckets ->
the model's logits under teacher forcing -> cross-entropy. Prediction searches with a beam; its text is compared with the reference
by sacrebleu, on detokenised text, and by exact match.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from gyebo.config import from_mapping
from gyebo.data.batching import Rows, TokenSequences, epoch_batches, in_order
from gyebo.data.parallel import Pairs, PairsConfig, ParallelText, open_parallel, open_whole
from gyebo.data.vocabulary import Vocabulary, VocabularyConfig
from gyebo.decoding import DecodingConfig, Hypothesis, beam_search
from gyebo.errors import UsageError, did_you_mean
from gyebo.layers.sequence import real_positions
from gyebo.models.interfaces import BEGIN, PADDING
from gyebo.storage import write_text
from gyebo.tasks.interface import Evaluation, Interrupt, Prediction
from gyebo.tasks.next_token import summed_loss, teacher_forced
from gyebo.tasks.text import check_input
from gyebo.tasks.text_metrics import BleuTokenizer, bleu_by_length, bleu_tokenizer, text_metrics

__all__ = ["Translate", "TranslateConfig", "TranslationProblem"]

HIGHER_IS_BETTER = {
    "loss": False,
    "perplexity": False,
    "accuracy": True,
    "exact_match": True,
    "bleu": True,
    "chrf": True,
}


@dataclass(frozen=True, kw_only=True)
class TranslateConfig:
    """The [translate] table of a recipe."""

    pairs: PairsConfig = field(default_factory=PairsConfig)
    source: VocabularyConfig = field(default_factory=VocabularyConfig)
    target: VocabularyConfig = field(default_factory=VocabularyConfig)
    max_tokens: int = 200
    """training pairs with more tokens on a side are left out (and counted)"""
    label_smoothing: float = 0.0
    validation_predictions: int = 0
    """so many validation sentences are translated greedily at each evaluation, for exact match, BLEU and chrF"""
    decoding: DecodingConfig = field(default_factory=DecodingConfig)

    def __post_init__(self) -> None:
        if not 0 <= self.label_smoothing < 1:
            raise ValueError(f"label_smoothing={self.label_smoothing} is not a share; 0 turns it off, 0.1 is usual.")
        if self.max_tokens < 1 or self.validation_predictions < 0:
            raise ValueError(
                f"max_tokens={self.max_tokens} must be at least 1, and validation_predictions={self.validation_predictions} at"
                " least 0 (which turns them off)."
            )


@dataclass(frozen=True)
class TranslationPairs:
    """A split as token numbers, both sides ended by END."""

    source: TokenSequences
    target: TokenSequences

    def __len__(self) -> int:
        return len(self.source)

    def batches(self, tokens: int, seed: int, epoch: int) -> list[Rows]:
        return epoch_batches([self.source.lengths, self.target.lengths], tokens, seed, epoch)

    def num_tokens(self, rows: Rows) -> int:
        return int(self.target.lengths[rows].sum())

    def batch(self, rows: Rows, device: str) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """source (B, S), its lengths (B,), target begun by BEGIN (B, T), the positions that are real (B, T), and the tokens
        to predict there (tokens,)."""
        source, source_lengths = self.source.padded(rows)
        following, lengths = self.target.padded(rows)
        target = torch.cat([torch.full((len(rows), 1), BEGIN), following[:, :-1]], 1)
        real = real_positions(lengths, following.shape[1])
        target = target.masked_fill(~real, PADDING)
        batch = (source, source_lengths, target, real, following[real])
        return batch if device == "cpu" else tuple(tensor.to(device, non_blocking=True) for tensor in batch)  # type: ignore[return-value]

    def in_order(self, tokens: int) -> list[Rows]:
        return in_order([self.source.lengths, self.target.lengths], tokens)

    def real_features(self, model: nn.Module, rows: Rows, device: str) -> tuple[Tensor, Tensor]:
        source, source_lengths, target, real, following = self.batch(rows, device)
        return model.features(source, source_lengths, target)[real], following  # type: ignore[operator]


class Translate:
    """The task: its config and the two vocabularies."""

    name = "translate"
    Config = TranslateConfig
    model_field_names = ("source_vocabulary", "target_vocabulary")

    def __init__(self, config: TranslateConfig, source: Vocabulary, target: Vocabulary) -> None:
        self.config, self.source, self.target = config, source, target

    @staticmethod
    def open(data: tuple[str, ...], config: TranslateConfig, data_dir: Path | None) -> ParallelText:
        return open_parallel(data, config.pairs, data_dir)

    @staticmethod
    def open_whole(data: tuple[str, ...], config: TranslateConfig, data_dir: Path | None) -> ParallelText:
        return open_whole(data, config.pairs, data_dir)

    @classmethod
    def learn(cls, config: TranslateConfig, data: ParallelText) -> Translate:
        source = Vocabulary.train(data.train.source, config.source)
        return cls(config, source, Vocabulary.train(data.train.target, config.target))

    @classmethod
    def load(cls, config: Mapping[str, Any], folder: Path) -> Translate:
        """Read a task that `save` wrote.  Raises GyeboError for files that are missing or not vocabularies."""
        settings = from_mapping(TranslateConfig, config, f"{folder / 'config.json'}")
        return cls(settings, *(Vocabulary.read(folder / f"tokenizer-{side}.json") for side in ("source", "target")))

    def save(self, folder: Path) -> None:
        write_text(folder / "tokenizer-source.json", self.source.to_json())
        write_text(folder / "tokenizer-target.json", self.target.to_json())

    def model_fields(self) -> dict[str, Any]:
        return {"source_vocabulary": len(self.source), "target_vocabulary": len(self.target)}

    def problem(self, data: ParallelText) -> TranslationProblem:
        return TranslationProblem(self, data)

    def pairs(self, pairs: Pairs) -> TranslationPairs:
        """A split as token numbers."""
        return TranslationPairs(
            TokenSequences.of(self.source.encode(pairs.source)), TokenSequences.of(self.target.encode(pairs.target))
        )

    def translate(
        self, model: nn.Module, sources: TokenSequences, decoding: DecodingConfig, device: str, interrupt: Interrupt
    ) -> list[list[Hypothesis]]:
        """The hypotheses of every source, best first, in the order of the sources."""
        was_training = model.training
        model.eval()
        results: list[list[Hypothesis]] = [[] for _ in range(len(sources))]
        try:
            for rows in in_order([sources.lengths], tokens=max(1, 4000 // decoding.beam)):
                interrupt()
                source, lengths = sources.padded(rows)
                found = beam_search(model, source.to(device), lengths.to(device), decoding)  # type: ignore[arg-type]
                for row, hypotheses in zip(rows.tolist(), found, strict=True):
                    results[row] = hypotheses
        finally:
            model.train(was_training)
        return results

    def predict(
        self, model: nn.Module, inputs: Sequence[str], device: str = "cpu", interrupt: Interrupt = lambda: None
    ) -> list[Prediction]:
        """Translate texts.  Raises UsageError for an empty one, or one of more than 10,000 characters, naming its number."""
        for number, text in enumerate(inputs, 1):
            check_input(text, f"Input {number}")
        if not inputs:
            return []
        numbers = self.source.encode(inputs)
        found = self.translate(model, TokenSequences.of(numbers), self.config.decoding, device, interrupt)
        return [self._prediction(text, tokens, best) for text, tokens, best in zip(inputs, numbers, found, strict=True)]

    def _prediction(self, text: str, numbers: list[int], hypotheses: list[Hypothesis]) -> Prediction:
        best = hypotheses[0]
        return Prediction(
            input=text,
            output=self.target.decode(best.tokens),
            score=best.score,
            input_tokens=self.source.names(numbers),
            output_tokens=self.target.names(best.tokens),
            alignment=None if best.alignment is None else best.alignment.float().tolist(),
            alternatives=tuple(self.target.decode(other.tokens) for other in hypotheses[1:]),
        )

    def evaluate(
        self, model: nn.Module, data: ParallelText, split: str, device: str = "cpu", interrupt: Interrupt = lambda: None
    ) -> Evaluation:
        """Loss, perplexity and accuracy under teacher forcing; exact match, BLEU and chrF of the searched translations."""
        pairs: Pairs = getattr(data, split)
        predictions = self.predict(model, pairs.source, device, interrupt)
        outputs = [prediction.output for prediction in predictions]
        references = [self.target.normalize(reference) for reference in pairs.target]
        forced = teacher_forced(model, self.pairs(pairs), device, interrupt)
        tokenizer, lowercase = bleu_tokenizer(references), self.config.target.lowercase
        scores, signatures = text_metrics(outputs, references, tokenizer, lowercase)
        words = [len(text.split()) for text in pairs.source]
        return Evaluation(
            metrics=forced | scores,
            signatures=signatures,
            tables={"bleu_by_source_length": bleu_by_length(words, outputs, references, tokenizer, lowercase)},
            predictions=predictions,
            references=references,
        )


class TranslationProblem:
    """A translation task with its data: what the training loop works on."""

    def __init__(self, task: Translate, data: ParallelText) -> None:
        self.task = task
        every = task.pairs(data.train)
        short = np.maximum(every.source.lengths, every.target.lengths) <= task.config.max_tokens
        left_out = int(len(short) - short.sum())
        self.notes = (_left_out_note(left_out, task.config.max_tokens),) if left_out else ()
        if not short.any():
            raise UsageError(
                f"Every one of the {len(short)} training pairs of {data.name} has more than {task.config.max_tokens} tokens on a"
                " side. Give a larger --translate.max-tokens, or shorter sentences."
            )
        kept = np.flatnonzero(short)
        self.training = TranslationPairs(every.source.select(kept), every.target.select(kept))
        self.validation = task.pairs(data.validation)
        first = data.validation.first(task.config.validation_predictions)
        self._sources = self.validation.source.select(np.arange(len(first)))
        self._references = [task.target.normalize(text) for text in first.target]
        self._tokenizer: BleuTokenizer = bleu_tokenizer(self._references)

    def loss(self, model: nn.Module, rows: Rows, device: str) -> Tensor:
        return summed_loss(model, self.training, rows, device, self.task.config.label_smoothing)

    def validate(self, model: nn.Module, device: str, interrupt: Interrupt) -> dict[str, float]:
        metrics = teacher_forced(model, self.validation, device, interrupt)
        if len(self._sources):
            found = self.task.translate(model, self._sources, DecodingConfig(beam=1), device, interrupt)
            outputs = [self.task.target.decode(hypotheses[0].tokens) for hypotheses in found]
            metrics |= text_metrics(outputs, self._references, self._tokenizer, self.task.config.target.lowercase)[0]
        return metrics

    def higher_is_better(self, metric: str) -> bool:
        if metric not in HIGHER_IS_BETTER:
            raise UsageError(f"The task translate has no metric {metric!r}. {did_you_mean(metric, HIGHER_IS_BETTER)}")
        return HIGHER_IS_BETTER[metric]


def _left_out_note(count: int, max_tokens: int) -> str:
    return f"{count:,} training pairs with more than {max_tokens} tokens on a side are left out."
