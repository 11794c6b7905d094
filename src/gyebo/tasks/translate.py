"""Translation: a sentence in, a sentence out.

Data flow: pairs of texts -> one vocabulary a side -> token numbers in memory -> batches of equal token count from length buckets ->
the model's logits under teacher forcing -> cross-entropy. Prediction searches with a beam; its text is compared with the reference
by sacrebleu, on detokenised text, and by exact match.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from gyebo.config import from_mapping
from gyebo.data.batching import Rows, TokenSequences, epoch_batches, in_order
from gyebo.data.download import Progress
from gyebo.data.parallel import Pairs, PairsConfig, ParallelText, open_parallel, open_whole
from gyebo.data.vocabulary import Vocabulary, VocabularyConfig
from gyebo.decoding import DecodingConfig, Hypothesis, SamplingConfig, decode, fast_steps, score
from gyebo.errors import UsageError, did_you_mean
from gyebo.layers.limits import position_limit, source_limit, target_limit
from gyebo.layers.sequence import real_positions
from gyebo.models.interfaces import BEGIN, END, PADDING, SPECIAL_TOKENS, Choices, StochasticTranslator
from gyebo.storage import write_text
from gyebo.tasks.interface import Evaluation, Interrupt, Prediction
from gyebo.tasks.next_token import evaluating, sampled_loss, summed_loss, teacher_forced
from gyebo.tasks.text import check_input, check_longest, check_tokens, prediction_notes
from gyebo.tasks.text_metrics import BleuTokenizer, bleu_by_length, bleu_tokenizer, text_metrics

__all__ = ["Judgement", "Translate", "TranslateConfig", "TranslationProblem"]

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
    joint_vocabulary: bool = False
    """learn one vocabulary on both sides together, so that a model can tie its embeddings; needs equal source and target tables"""
    max_tokens: int = 200
    """training pairs with more tokens on a side are left out (and counted)"""
    label_smoothing: float = 0.0
    validation_predictions: int = 0
    """so many validation sentences are translated greedily at each evaluation, for exact match, BLEU and chrF"""
    decoding: DecodingConfig = field(default_factory=DecodingConfig)

    def __post_init__(self) -> None:
        if not 0 <= self.label_smoothing < 1:
            raise ValueError(f"label_smoothing={self.label_smoothing} is not a share; 0 turns it off, 0.1 is usual.")
        if self.joint_vocabulary and self.source != self.target:
            raise ValueError(
                "joint_vocabulary=true learns one vocabulary for both sides, but the tables [translate.source] and"
                " [translate.target] differ. Give both the same options."
            )
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

    def sampled_features(self, model: nn.Module, rows: Rows, device: str) -> tuple[Tensor, Tensor, Tensor, Choices]:
        source, source_lengths, target, real, following = self.batch(rows, device)
        features, choices = model.sampled_features(source, source_lengths, target)  # type: ignore[operator]
        return features[real], following, real, choices


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """A given translation beside the one that was found, by the model's own belief in them."""

    prediction: Prediction
    reference: str
    reference_tokens: list[str]
    reference_log_probabilities: list[float]
    """log p of each of its tokens"""
    reference_log_probability: float
    reference_score: float
    """reference_log_probability after length normalisation, as `prediction.score`"""

    @property
    def fault(self) -> Literal["none", "search", "model"]:
        """Whose fault it is that the reference was not found: that of the search, if the model believes more in the reference than in
        what was found, or the search found nothing that ends; else that of the model."""
        found = self.prediction.output_tokens
        if found == self.reference_tokens:
            return "none"
        ended = found[-1:] == [SPECIAL_TOKENS[END]]
        return "model" if ended and self.reference_score <= self.prediction.score else "search"


class Translate:
    """The task: its config and the two vocabularies."""

    name = "translate"
    Config = TranslateConfig
    model_field_names = ("source_vocabulary", "target_vocabulary")
    reads = "text"

    def __init__(self, config: TranslateConfig, source: Vocabulary, target: Vocabulary) -> None:
        self.config, self.source, self.target = config, source, target

    @staticmethod
    def open(
        data: tuple[str, ...], config: TranslateConfig, data_dir: Path | None, on_progress: Progress | None = None
    ) -> ParallelText:
        return open_parallel(data, config.pairs, data_dir, on_progress)

    @staticmethod
    def open_whole(data: tuple[str, ...], config: TranslateConfig, data_dir: Path | None) -> ParallelText:
        return open_whole(data, config.pairs, data_dir)

    @classmethod
    def learn(cls, config: TranslateConfig, data: ParallelText) -> Translate:
        if config.joint_vocabulary:
            both = Vocabulary.train((*data.train.source, *data.train.target), config.source)
            return cls(config, both, both)
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

    def problem(self, data: ParallelText, seed: int = 0) -> TranslationProblem:
        return TranslationProblem(self, data)

    def pairs(self, pairs: Pairs) -> TranslationPairs:
        """A split as token numbers."""
        return TranslationPairs(
            TokenSequences.of(self.source.encode(pairs.source)), TokenSequences.of(self.target.encode(pairs.target))
        )

    def translate(
        self, model: nn.Module, sources: TokenSequences, decoding: DecodingConfig, device: str, interrupt: Interrupt
    ) -> list[list[Hypothesis]]:
        """The hypotheses of every source, as `gyebo.decoding.decode` orders them, in the order of the sources."""
        limit, kept = position_limit(model), decoding.sampling.samples or decoding.beam
        results: list[list[Hypothesis]] = [[] for _ in range(len(sources))]
        with evaluating(model), fast_steps(model, len(sources)):
            for rows in in_order([sources.lengths], tokens=max(1, 4000 // kept)):
                interrupt()
                source, lengths = sources.padded(rows)
                found = decode(model, source.to(device), lengths.to(device), decoding, limit)  # type: ignore[arg-type]
                for row, hypotheses in zip(rows.tolist(), found, strict=True):
                    results[row] = hypotheses
        return results

    def predict(
        self, model: nn.Module, inputs: Sequence[str], device: str = "cpu", interrupt: Interrupt = lambda: None
    ) -> list[Prediction]:
        """Translate texts.

        Raises UsageError for an empty one, or one that is too long for the model or of more than 10,000 characters, naming its number.
        """
        for number, text in enumerate(inputs, 1):
            check_input(text, f"Input {number}")
        if not inputs:
            return []
        numbers, limit = self.source.encode(inputs), source_limit(model)
        for number, tokens in enumerate(numbers, 1):
            check_tokens(len(tokens), limit, f"Input {number}")
        found = self.translate(model, TokenSequences.of(numbers), self.config.decoding, device, interrupt)
        return [self._prediction(text, tokens, best) for text, tokens, best in zip(inputs, numbers, found, strict=True)]

    def notes(self, inputs: Sequence[str]) -> list[str]:
        """What a reader of the predictions should know, a sentence each."""
        return prediction_notes(inputs, self.source, self.target, self.config.decoding)

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
            log_probability=best.log_probability,
            alternative_scores=tuple(other.score for other in hypotheses[1:]),
        )

    def judge(
        self,
        model: nn.Module,
        inputs: Sequence[str],
        references: Sequence[str],
        device: str = "cpu",
        interrupt: Interrupt = lambda: None,
    ) -> list[Judgement]:
        """Search, and compare what is found with given translations, by what the search maximises.

        Characters and words of a reference that the vocabulary does not hold are scored as <unk>.
        Raises UsageError for texts that `predict` refuses, and for settings by which no search maximises log p.
        """
        decoding = self.config.decoding
        if decoding.sampling.samples or decoding.coverage_penalty:
            raise UsageError(
                "Given translations are compared with what a search for the largest log p finds, and"
                f" samples={decoding.sampling.samples} with coverage_penalty={decoding.coverage_penalty:g} is no such search. Set both"
                " to 0."
            )
        limit = target_limit(model)
        for number, text in enumerate(references, 1):
            check_input(text, f"Reference {number}")
        found = self.predict(model, inputs, device, interrupt)
        pairs = self.pairs(Pairs(tuple(inputs), tuple(references)))
        for number, length in enumerate(pairs.target.lengths.tolist(), 1):
            check_tokens(length, limit, f"Reference {number}")
        judgements: list[Judgement | None] = [None] * len(found)
        for rows in pairs.in_order(tokens=4000):
            interrupt()
            source, source_lengths = pairs.source.padded(rows)
            target, lengths = pairs.target.padded(rows)
            with evaluating(model):
                given = score(model, *(part.to(device) for part in (source, source_lengths, target, lengths))).cpu()  # type: ignore[arg-type]
            for row, numbers, length, each in zip(map(int, rows), target.tolist(), lengths.tolist(), given.tolist(), strict=True):
                total = sum(each[:length])
                judgements[row] = Judgement(
                    prediction=found[row],
                    reference=references[row],
                    reference_tokens=self.target.names(numbers[:length]),
                    reference_log_probabilities=each[:length],
                    reference_log_probability=total,
                    reference_score=total / float(decoding.normalizer(torch.tensor(length))),
                )
        return [judgement for judgement in judgements if judgement is not None]

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
        self._test = task.pairs(data.test)
        first = data.validation.first(task.config.validation_predictions)
        self._sources = self.validation.source.select(np.arange(len(first)))
        self._references = [task.target.normalize(text) for text in first.target]
        self._tokenizer: BleuTokenizer = bleu_tokenizer(self._references)

    def check(self, model: nn.Module) -> None:
        splits = {"training": self.training, "validation": self.validation, "test": self._test}
        for name, split in splits.items():
            for side, limit in ((split.source, source_limit(model)), (split.target, target_limit(model))):
                check_longest(side.lengths, limit, name, "--translate.max-tokens")

    def loss(self, model: nn.Module, rows: Rows, device: str) -> Tensor:
        loss = sampled_loss if isinstance(model, StochasticTranslator) else summed_loss
        return loss(model, self.training, rows, device, self.task.config.label_smoothing)

    def validate(self, model: nn.Module, device: str, interrupt: Interrupt) -> dict[str, float]:
        metrics = teacher_forced(model, self.validation, device, interrupt)
        if len(self._sources):
            decoding = self.task.config.decoding
            greedy = replace(decoding, beam=1, n_best=None, coverage_penalty=0.0, sampling=SamplingConfig())
            found = self.task.translate(model, self._sources, greedy, device, interrupt)
            outputs = [self.task.target.decode(hypotheses[0].tokens) for hypotheses in found]
            metrics |= text_metrics(outputs, self._references, self._tokenizer, self.task.config.target.lowercase)[0]
        return metrics

    def higher_is_better(self, metric: str) -> bool:
        if metric not in HIGHER_IS_BETTER:
            raise UsageError(f"The task translate has no metric {metric!r}. {did_you_mean(metric, HIGHER_IS_BETTER)}")
        return HIGHER_IS_BETTER[metric]


def _left_out_note(count: int, max_tokens: int) -> str:
    return f"{count:,} training pairs with more than {max_tokens} tokens on a side are left out."
