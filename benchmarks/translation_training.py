"""Training a translator with attention, from text in memory to updated weights: gyebo beside JoeyNMT.

    python benchmarks/translation_training.py [--json FILE] [--peer PYTHON] [--widths 256 512] [--precisions fp32 bf16]

Both train on the German and English of Multi30k, on the same byte-pair tokens (8,000 on each side), with a bidirectional GRU
encoder, additive attention and a GRU decoder of one layer each, the same widths, dropout, Adam and clipping.  Counted are the
target tokens that are learnt, the end of the sentence among them and padding not.  Each project batches as it does, in the
sizes below, and its fastest counts.

Each runs its own training loop in a process of its own, and they take turns of a few seconds; only one trains at a time.
gyebo turns text into numbers once, before training, and is charged for it as if it did so in every epoch; JoeyNMT looks
the tokens up in every epoch, and is not charged for splitting the text into tokens, which it is handed.  JoeyNMT's
configuration refuses bfloat16 on a CPU; its trainer, called directly, can do it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from timing import environment, write_results
from translation.turns import Turn, Worker

from gyebo.config import to_mapping
from gyebo.data.parallel import Pairs, PairsConfig, open_parallel
from gyebo.data.vocabulary import Vocabulary, VocabularyConfig
from gyebo.models.interfaces import SPECIAL_TOKENS
from gyebo.storage import write_json, write_text
from gyebo.tasks.translate import Translate, TranslateConfig

HERE = Path(__file__).parent
PEER = HERE.parent / ".venv-joeynmt/bin/python"
EMBEDDING_WIDTH, VOCABULARY, DROPOUT, RATE = 256, 8000, 0.2, 1e-3
BATCHES = {"gyebo": [("token", 2048), ("token", 4096)], "JoeyNMT": [("token", 2048), ("token", 4096), ("sentence", 128)]}
RATIO_DEMANDED = 1.5


@dataclass
class Candidate:
    """One project with one kind of batch, and the turns that it has had."""

    project: str
    batch: str
    worker: Worker
    turns: list[Turn] = field(default_factory=list)

    def rates(self) -> list[float]:
        """Target tokens a second in each turn, what was done once before training included by its share of an epoch."""
        before = self.worker.facts.get("encoding_seconds", 0.0) / self.worker.facts.get("epoch_tokens", 1)
        return [1 / (turn.seconds / turn.tokens + before) for turn in self.turns]


def prepare(folder: Path) -> None:
    """Learn the vocabularies, and write them and the text for both: as gyebo's files, and as tokens between spaces."""
    side = VocabularyConfig(unit="bpe", size=VOCABULARY, lowercase=True)
    config = TranslateConfig(pairs=PairsConfig(source="de", target="en"), source=side, target=side)
    data = open_parallel(("multi30k",), config.pairs)
    task = Translate.learn(config, data)
    write_json(folder / "translate.json", to_mapping(config))
    task.save(folder)
    for name, vocabulary in (("source", task.source), ("target", task.target)):
        tokens = vocabulary.names(range(len(SPECIAL_TOKENS), len(vocabulary)))  # JoeyNMT puts four of its own before them
        write_text(folder / f"vocabulary.{name}", "\n".join(tokens) + "\n")
    for split, pairs in (("train", data.train), ("validation", data.validation)):
        _write_tokens(folder / f"{split}.source", task.source, pairs.source)
        _write_tokens(folder / f"{split}.target", task.target, pairs.target)


def _write_tokens(path: Path, vocabulary: Vocabulary, texts: Pairs | tuple[str, ...]) -> None:
    lines = [" ".join(vocabulary.names(numbers[:-1])) for numbers in vocabulary.encode(list(texts))]
    write_text(path, "\n".join(lines) + "\n")
