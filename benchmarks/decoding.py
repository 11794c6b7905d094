"""Translating with a Transformer: gyebo, in PyTorch and exported, beside CTranslate2 and Hugging Face's generate, on the same weights.

    python benchmarks/decoding.py [--json FILE] [--rounds 5] [--threads 2] [--tokens 40]
        [--batches 1 32] [--beams 1 5] [--runs RUN ...] [--sentences 200]

The model has the sizes of the paper's base model (6 + 6 layers, width 512, feed-forward 2048, 8 heads), 32,000 words on each
side, and random weights; all compute in float32.  "gyebo, exported" is the same search over the graphs that `gyebo export` writes,
which ONNX Runtime computes.  Each decoder lives in a process of its own, and they take turns of a second or more: threads of the one
before, which spin for a while when their work is done, and caches that it emptied then weigh little.  Sources have 20 tokens.  Every output
has exactly `--tokens` tokens: the end mark is forbidden before.  A beam search ends with its first `beam` finished hypotheses in all
of them.  Counted are the tokens of the best hypotheses; `times_CTranslate2` divides them by those of CTranslate2 in float32.  `same` is
the share of outputs that are equal to gyebo's to the last token.

With `--runs`, there are rows besides for the weights of each of those runs, trained Transformers with one vocabulary for both sides,
and the first `--sentences` texts of their own test splits: outputs end by themselves, BLEU stands beside the speed, and CTranslate2
also computes in int8.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import math
import random
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from timing import alternate, environment, write_results
from translation.turns import Worker, start_worker

from gyebo.models.interfaces import END, FIRST_TOKEN
from gyebo.pipeline import open_data
from gyebo.runs import load
from gyebo.tasks.text_metrics import bleu_tokenizer, text_metrics

DECODE = Path(__file__).parent / "translation" / "decode.py"
VOCABULARY, SOURCE_TOKENS = 32_000, 20
SECONDS_OF_A_TURN = 1.0
DECODERS = ("gyebo", "gyebo, exported", "CTranslate2", "Hugging Face")
OF_A_RUN = ("gyebo", "gyebo, exported", "CTranslate2", "CTranslate2 int8", "Hugging Face")

Score = Callable[[list[list[int]]], float]


def measure(
    decoders: tuple[str, ...],
    name: str,
    weights: str | None,
    tasks: list[tuple[int, int, list[dict[str, Any]]]],
    rounds: int,
    threads: int,
    score: Score | None = None,
) -> list[dict[str, object]]:
    """A row for each task and decoder.

    tasks: (batch, beam, pieces of work that a decoder does one after the other).  score: BLEU of the outputs of a task.
    """
    rows: list[dict[str, object]] = []
    works = [work for _, _, parts in tasks for work in parts]
    with ExitStack() as stack:
        workers: dict[str, Worker] = {}
        for decoder in decoders:
            settings = {"decoder": decoder, "weights": weights, "works": works, "threads": threads}
            workers[decoder] = stack.enter_context(start_worker(sys.executable, DECODE, settings))
        first = 0
        for batch, beam, parts in tasks:
            numbers = range(first, first := first + len(parts))
            candidates = {decoder: _asking(worker, numbers) for decoder, worker in workers.items()}
            outputs = {decoder: decode() for decoder, decode in candidates.items()}  # warms up, too
            times = {decoder: _times_in_a_turn(decode) for decoder, decode in candidates.items()}
            turns = {decoder: _repeated(decode, times[decoder]) for decoder, decode in candidates.items()}
            seconds = alternate(turns, rounds=rounds, warmup=0)
            rates = {decoder: times[decoder] * sum(map(len, outputs[decoder])) / seconds[decoder] for decoder in decoders}
            for decoder in decoders:
                same = sum(map(list.__eq__, outputs[decoder], outputs["gyebo"]))
                row = {
                    "weights": name,
                    "decoder": decoder,
                    "batch": batch,
                    "beam": beam,
                    "tokens_per_second": round(rates[decoder], 1),
                    "times_CTranslate2": round(rates[decoder] / rates["CTranslate2"], 2),
                    "bleu": None if score is None else round(score(outputs[decoder]), 2),
                    "same": round(same / len(outputs[decoder]), 3),
                }
                print("  ".join(f"{key} {value}" for key, value in row.items() if value is not None), flush=True)
                rows.append(row)
    return rows


def _asking(worker: Worker, numbers: range) -> Callable[[], list[list[int]]]:
    return lambda: [output for number in numbers for output in worker.ask(str(number))["outputs"]]


def _times_in_a_turn(decode: Callable[[], object]) -> int:
    begin = time.perf_counter()
    decode()
    return math.ceil(SECONDS_OF_A_TURN / (time.perf_counter() - begin))


def _repeated(decode: Callable[[], object], times: int) -> Callable[[], None]:
    def turn() -> None:
        for _ in range(times):
            decode()

    return turn


def random_model(batches: list[int], beams: list[int], tokens: int, rounds: int, threads: int) -> list[dict[str, object]]:
    generator, tasks = random.Random(0), []
    for batch in batches:
        drawn = [[*generator.choices(range(FIRST_TOKEN, VOCABULARY), k=SOURCE_TOKENS - 1), END] for _ in range(batch)]
        tasks += [(batch, beam, [{"sources": drawn, "beam": beam, "num_tokens": tokens}]) for beam in beams]
    return measure(DECODERS, "random", None, tasks, rounds, threads)


def trained_model(
    path: str, sentences: int, batches: list[int], beams: list[int], rounds: int, threads: int
) -> list[dict[str, object]]:
    """The same for sentences of a run's test split, in batches of sentences of like length, and their BLEU."""
    run = load(path)
    task, data = run.task, open_data(run, (), None).test
    sources = task.source.encode(data.source[:sentences])
    order = sorted(range(len(sources)), key=lambda row: len(sources[row]))
    references = [task.target.normalize(data.target[row]) for row in order]

    def score(outputs: list[list[int]]) -> float:
        texts = [task.target.decode(numbers) for numbers in outputs]
        return text_metrics(texts, references, bleu_tokenizer(references), task.config.target.lowercase)[0]["bleu"]

    tasks = []
    for batch in batches:
        parts = [[sources[row] for row in order[first : first + batch]] for first in range(0, len(order), batch)]
        tasks += [(batch, beam, [{"sources": part, "beam": beam, "num_tokens": None} for part in parts]) for beam in beams]
    return measure(OF_A_RUN, run.name, path, tasks, rounds, threads, score)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", type=Path, help="write the table to this file too")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--tokens", type=int, default=40, help="of every output")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 32])
    parser.add_argument("--beams", type=int, nargs="+", default=[1, 5])
    parser.add_argument("--sentences", type=int, default=200, help="of a run's test split")
    parser.add_argument(
        "--runs", nargs="+", default=[], help="trained Transformers with one vocabulary for both sides: their folders"
    )
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    peers = {name: importlib.metadata.version(name) for name in ("ctranslate2", "onnxruntime", "transformers")}
    print(", ".join(f"{name} {value}" for name, value in (environment() | peers).items()))
    sizes, timing = (arguments.batches, arguments.beams), (arguments.rounds, arguments.threads)
    rows = random_model(*sizes, arguments.tokens, *timing)
    for run in arguments.runs:
        rows += trained_model(run, arguments.sentences, *sizes, *timing)
    if arguments.json is not None:
        write_results(arguments.json, rows)


if __name__ == "__main__":
    main()
