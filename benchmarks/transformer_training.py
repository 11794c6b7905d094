"""Training the Transformer on identical batches: gyebo beside Marian of Hugging Face, torch.nn.Transformer and JoeyNMT's model.

    python benchmarks/transformer_training.py [--json FILE] [--peer PYTHON] [--rounds 5] [--threads 2] [--precisions fp32 bf16]

3 + 3 layers of width 256, a joint vocabulary of 8,000 byte-pair units in one matrix, post-norm, dropout, label smoothing and fused
Adam are the same for all; the batches are made beforehand from Multi30k, German to English, by gyebo's length buckets.  Each lives in
a process of its own, and they take turns of a few seconds.  Counted are target tokens, the end of the sentence among them and padding
not.  Marian trains with each of its attention kernels, and its faster one counts.  In bfloat16 all compute under autocast.

The utilisation is the share of the machine's measured peak of matrix products, in the same precision, that the model's own products
reach: six floating-point operations for each weight that a token meets (two forward, four backward), and for the products of
attention likewise; padding counts as nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from timing import environment, write_results
from translation.turns import start_worker

from gyebo.data.parallel import PairsConfig, open_parallel
from gyebo.data.vocabulary import VocabularyConfig
from gyebo.models.interfaces import PADDING
from gyebo.tasks.translate import Translate, TranslateConfig

FOLDER = Path(__file__).parent
SCRIPT = FOLDER / "translation/train_transformer.py"
PEER = FOLDER.parent / ".venv-joeynmt/bin/python"
NUM_BATCHES, TOKENS = 40, 2048
SIZES: dict[str, Any] = {
    "vocabulary": 8000,
    "width": 256,
    "heads": 4,
    "layers": 3,
    "feed_forward": 1024,
    "dropout": 0.1,
    "smoothing": 0.1,
}
PEERS = {"gyebo": [""], "Marian": ["sdpa", "eager"], "torch": [""], "JoeyNMT": [""]}


def write_batches(path: Path) -> tuple[int, float]:
    """Make the batches that all train on; returns the vocabulary's size and the operations of a target token's update."""
    side = VocabularyConfig(unit="bpe", size=SIZES["vocabulary"], lowercase=True)
    pairs = PairsConfig(source="de", target="en")
    data = open_parallel(("multi30k",), pairs)
    task = Translate.learn(TranslateConfig(pairs=pairs, source=side, target=side, joint_vocabulary=True), data)
    split = task.problem(data).training
    arrays: dict[str, Any] = {}
    operations = tokens = 0.0
    for number, rows in enumerate(split.batches(TOKENS, seed=1, epoch=0)[:NUM_BATCHES]):
        source, lengths, target, real, flat = split.batch(rows, "cpu")
        following = torch.full_like(target, PADDING).masked_scatter(real, flat)
        for name, tensor in zip(("source", "lengths", "target", "following"), (source, lengths, target, following), strict=True):
            arrays[f"{name}.{number}"] = tensor.numpy()
        for row_source, row_target in zip(lengths.tolist(), real.sum(1).tolist(), strict=True):
            operations += pair_operations(row_source, row_target, len(task.target))
            tokens += row_target
    np.savez(path, **arrays)
    return len(task.target), operations / tokens


def pair_operations(source: int, target: int, vocabulary: int) -> float:
    """Floating-point operations of one update on one pair of sentences: the matrix products of the model, forward and backward."""
    width, inner, layers = SIZES["width"], SIZES["feed_forward"], SIZES["layers"]
    square, feed_forward = width * width, 2 * width * inner
    weights = layers * source * (4 * square + feed_forward)  # encoder
    weights += layers * (target * (6 * square + feed_forward) + source * 2 * square)  # decoder; it projects the memory too
    weights += target * width * vocabulary
    attention = layers * 2 * width * (source * source + target * target / 2 + target * source)
    return 6.0 * (weights + attention)


def peak_operations(precision: str) -> float:
    """The most multiplications and additions a second that a large matrix product reaches here: the best of several."""
    size, dtype = 2048, {"fp32": torch.float32, "bf16": torch.bfloat16}[precision]
    left, right = torch.randn(size, size).to(dtype), torch.randn(size, size).to(dtype)
    seconds = []
    for _ in range(8):
        begin = time.perf_counter()
        torch.mm(left, right)
        seconds.append(time.perf_counter() - begin)
    return 2 * size**3 / min(seconds)


def compare(settings: dict[str, Any], peer: str, rounds: int, seconds: float, operations: float) -> list[dict[str, object]]:
    """Train every project in turns; a row for each, ours first."""
    with contextlib.ExitStack() as stack:
        workers = []
        for project, kernels in PEERS.items():
            for attention in kernels:
                python = peer if project == "JoeyNMT" else sys.executable
                sizes = settings["sizes"] | {"attention": attention}
                workers.append(
                    (project, stack.enter_context(start_worker(python, SCRIPT, settings | {"project": project, "sizes": sizes})))
                )
        for _, worker in workers:
            worker.turn(seconds)  # warms up: allocations, kernels
        turns = [[] for _ in workers]
        for number in range(rounds):
            places = list(range(len(workers)))
            for place in places if number % 2 else reversed(places):
                turns[place].append(workers[place][1].turn(seconds))
    rates = [statistics.median(turn.tokens / turn.seconds for turn in each) for each in turns]
    peak = peak_operations(settings["precision"])
    fastest_peer = max(rate for rate, (project, _) in zip(rates, workers, strict=True) if project != "gyebo")
    return [
        {
            "project": worker.facts["project"],
            "precision": settings["precision"],
            "parameters": worker.facts["parameters"],
            "target_tokens_per_second": round(rate),
            "utilisation_percent": round(100 * rate * operations / peak, 1),
            "of_peak_gflops": round(peak / 1e9),
            "ratio_to_fastest_peer": round(rate / fastest_peer, 2),
            "demanded": 1.0 if project == "gyebo" else None,
        }
        for rate, (project, worker) in zip(rates, workers, strict=True)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", type=Path, help="write the table to this file too")
    parser.add_argument("--peer", default=str(PEER), help="the Python of the environment of requirements-joeynmt.txt")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of a turn")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--precisions", nargs="+", choices=["fp32", "bf16"], default=["fp32", "bf16"])
    arguments = parser.parse_args()
    if not Path(arguments.peer).exists():
        parser.error(f"there is no {arguments.peer}. Make the environment of requirements-joeynmt.txt, or name its Python: --peer")
    torch.set_num_threads(arguments.threads)

    print(", ".join(f"{name} {value}" for name, value in environment().items()))
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as folder:
        batches = Path(folder) / "batches.npz"
        vocabulary, operations = write_batches(batches)
        for precision in arguments.precisions:
            settings = {
                "batches": str(batches),
                "sizes": SIZES | {"vocabulary": vocabulary},
                "precision": precision,
                "threads": arguments.threads,
            }
            for row in compare(settings, arguments.peer, arguments.rounds, arguments.seconds, operations):
                rows.append(row)
                print("  ".join(f"{value}" for value in row.values() if value is not None))
    if arguments.json is not None:
        write_results(arguments.json, rows)


if __name__ == "__main__":
    main()
