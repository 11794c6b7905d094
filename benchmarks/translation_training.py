"""Training translators with attention, from text in memory to updated weights: gyebo beside JoeyNMT.

    python benchmarks/translation_training.py [--json FILE] [--peer PYTHON] [--rounds 4] [--threads 2]
        [--architectures bahdanau transformer] [--widths 256 512] [--precisions fp32 bf16]

Both train on the German and English of Multi30k, on the same byte-pair tokens (8,000 on each side), the same widths, dropout, Adam and
clipping.  "bahdanau" is a bidirectional GRU encoder, additive attention and a GRU decoder of one layer each; "transformer" has 3 + 3
post-norm layers with 4 heads, and its target embedding is the output layer's matrix.  Counted are the
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
import itertools
import statistics
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from timing import environment, write_results
from translation.turns import Turn, Worker, start_worker

from gyebo.config import to_mapping
from gyebo.data.parallel import PairsConfig, open_parallel
from gyebo.data.vocabulary import VocabularyConfig
from gyebo.models.interfaces import SPECIAL_TOKENS
from gyebo.storage import write_json, write_text
from gyebo.tasks.translate import Translate, TranslateConfig

FOLDER = Path(__file__).parent
OURS, THEIRS = FOLDER / "translation/train_gyebo.py", FOLDER / "translation/train_joeynmt.py"
PEER = FOLDER.parent / ".venv-joeynmt/bin/python"
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

    def rate(self) -> float:
        """Target tokens a second: the median over the turns, with its share of what was done once before training."""
        before = self.worker.facts.get("encoding_seconds", 0.0) / self.worker.facts.get("epoch_tokens", 1)
        return 1 / (statistics.median(turn.seconds / turn.tokens for turn in self.turns) + before)

    def tokens_per_update(self) -> float:
        return sum(turn.tokens for turn in self.turns) / sum(turn.updates for turn in self.turns)


def prepare(folder: Path) -> None:
    """Learn the vocabularies, and write them and the text for both: as gyebo's files, and as tokens between spaces."""
    side = VocabularyConfig(unit="bpe", size=VOCABULARY, lowercase=True)
    config = TranslateConfig(pairs=PairsConfig(source="de", target="en"), source=side, target=side)
    data = open_parallel(("multi30k",), config.pairs)
    task = Translate.learn(config, data)
    write_json(folder / "translate.json", to_mapping(config))
    task.save(folder)
    for name, vocabulary in (("source", task.source), ("target", task.target)):
        own = vocabulary.names(range(len(SPECIAL_TOKENS), len(vocabulary)))  # JoeyNMT puts its own special tokens before them
        write_text(folder / f"vocabulary.{name}", "\n".join(own) + "\n")
        for split in ("train", "validation"):
            numbers = vocabulary.encode(getattr(getattr(data, split), name))
            lines = [" ".join(vocabulary.names(sentence[:-1])) for sentence in numbers]  # both put the end there themselves
            write_text(folder / f"{split}.{name}", "\n".join(lines) + "\n")


def compare(settings: dict[str, Any], peer: str, rounds: int, seconds: float) -> list[dict[str, object]]:
    """Train with every kind of batch, in turns, and return a row for each, the fastest of its project marked."""
    with contextlib.ExitStack() as workers:
        candidates = []
        for project, (interpreter, script) in {"gyebo": (sys.executable, OURS), "JoeyNMT": (peer, THEIRS)}.items():
            for kind, size in BATCHES[project]:
                batches = {"batch_type": kind, "batch_size": size}
                worker = workers.enter_context(start_worker(interpreter, script, settings | batches))
                candidates.append(Candidate(project, f"{size} {kind}s", worker))
        for candidate in candidates:
            candidate.worker.turn(seconds / 2)  # warms up: allocations, kernels
        for number in range(rounds):
            for candidate in candidates if number % 2 else reversed(candidates):
                candidate.turns.append(candidate.worker.turn(seconds))
    fastest = {project: max((c for c in candidates if c.project == project), key=Candidate.rate) for project in BATCHES}
    ratio = fastest["gyebo"].rate() / fastest["JoeyNMT"].rate()
    return [
        {
            "project": candidate.worker.facts["project"],
            "architecture": settings["architecture"],
            "width": settings["width"],
            "precision": settings["precision"],
            "parameters": candidate.worker.facts["parameters"],
            "batch": candidate.batch,
            "tokens_per_update": round(candidate.tokens_per_update()),
            "tokens_per_second": round(candidate.rate()),
            "fastest": candidate in fastest.values(),
            "ratio": round(ratio, 2) if candidate is fastest["gyebo"] else None,
            "demanded": RATIO_DEMANDED if candidate is fastest["gyebo"] else None,
        }
        for candidate in candidates
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", type=Path, help="write the table to this file too")
    parser.add_argument("--peer", default=str(PEER), help="the Python of the environment of requirements-joeynmt.txt")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=2.5, help="of a turn")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--architectures", nargs="+", choices=["bahdanau", "transformer"], default=["bahdanau", "transformer"])
    parser.add_argument("--widths", type=int, nargs="+", default=[256])
    parser.add_argument("--precisions", nargs="+", choices=["fp32", "bf16"], default=["fp32", "bf16"])
    arguments = parser.parse_args()
    if not Path(arguments.peer).exists():
        parser.error(f"there is no {arguments.peer}. Make the environment of requirements-joeynmt.txt, or name its Python: --peer")
    torch.set_num_threads(arguments.threads)

    print(", ".join(f"{name} {value}" for name, value in environment().items()))
    print(
        f"{'project':14} {'architecture':12} {'width':>5} {'dtype':5} {'parameters':>10}  {'batch':14} {'tokens/update':>13}"
        f" {'tokens/s':>9} {'ratio':>6}"
    )
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder))
        for architecture, width, precision in itertools.product(arguments.architectures, arguments.widths, arguments.precisions):
            settings = {
                "folder": folder,
                "architecture": architecture,
                "width": width,
                "embedding_width": EMBEDDING_WIDTH,
                "dropout": DROPOUT,
                "rate": RATE,
                "precision": precision,
                "threads": arguments.threads,
            }
            for row in compare(settings, arguments.peer, arguments.rounds, arguments.seconds):
                rows.append(row)
                print(
                    f"{row['project']:14} {architecture:12} {row['width']:5} {row['precision']:5} {row['parameters']:10} "
                    f" {row['batch']:14} {row['tokens_per_update']:13} {row['tokens_per_second']:9} {row['ratio'] or '':>6}"
                )
    if arguments.json is not None:
        write_results(arguments.json, rows)


if __name__ == "__main__":
    main()
