"""Memory and time of the Transformer by the length of its source, up to 4,096 tokens: fused attention beside the plain equation.

    python benchmarks/source_length.py [--json FILE] [--figure FILE.png] [--rounds 3] [--threads 2]

One sentence with as many target as source tokens goes forward and backward through 3 + 3 layers of width 256 with a vocabulary of
8,000 (the loss at every position).  Each length has a process of its own; memory is what its peak resident size grew by in the
update.  "growth" is the power of the length by which memory has grown since the length before: 1 is linear, 2 quadratic.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

import torch
from timing import environment, write_results

from gyebo.layers import multi_head
from gyebo.layers.cross_entropy import summed_cross_entropy
from gyebo.models.attention.transformer import Transformer, TransformerConfig

LENGTHS = (256, 512, 1024, 2048, 4096)
VOCABULARY = 8000
KINDS = ("fp32", "bf16", "fp32, plain equation")


def peak_kib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def measure(kind: str, length: int, rounds: int) -> dict[str, float]:
    """One process: the peak memory of an update, in MiB above what stood before it, and its median seconds."""
    if kind.endswith("plain equation"):
        multi_head.attend = plain
    torch.manual_seed(1)
    model = Transformer(TransformerConfig(source_vocabulary=VOCABULARY, target_vocabulary=VOCABULARY, tied="all", dropout=0.0))

    def update(tokens: int) -> None:
        source, target = (torch.randint(4, VOCABULARY, (1, tokens)) for _ in range(2))
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=kind.startswith("bf16")):
            logits = model.logits(model.features(source, torch.tensor([tokens]), target)[0])
            summed_cross_entropy(logits, target[0]).backward()

    update(16)  # gradients, kernels
    before = peak_kib()
    update(length)
    grown = (peak_kib() - before) / 1024
    seconds = []
    for _ in range(rounds):
        begin = time.perf_counter()
        update(length)
        seconds.append(time.perf_counter() - begin)
    return {"mib": grown, "seconds": statistics.median(seconds)}


def plain(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor | None = None, *, causal: bool = False
) -> torch.Tensor:
    if causal:
        mask = torch.ones(query.shape[-2], key.shape[-2], dtype=torch.bool).tril()
    return multi_head.scaled_dot_product(query, key, value, mask)[0]


def rows_of(kind: str, threads: int, rounds: int) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    before: tuple[int, float] | None = None
    for length in LENGTHS:
        command = [sys.executable, __file__, "--measure", kind, str(length), "--rounds", str(rounds), "--threads", str(threads)]
        found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        growth = None if before is None else math.log(found["mib"] / before[1]) / math.log(length / before[0])
        rows.append(
            {
                "attention": kind,
                "tokens": length,
                "mib": round(found["mib"]),
                "growth": None if growth is None else round(growth, 2),
                "seconds": round(found["seconds"], 3),
                "tokens_per_second": round(length / found["seconds"]),
            }
        )
        print("  ".join(str(value) for value in rows[-1].values()), flush=True)
        before = length, found["mib"]
    return rows


def draw(rows: list[dict[str, object]], path: Path) -> None:
    """Memory and time against length, on logarithmic axes."""
    import altair

    length = altair.X("tokens:Q", title="source tokens").scale(type="log", base=2)
    lines = altair.Chart(altair.Data(values=rows)).mark_line(point=True).encode(x=length, color="attention:N")
    memory = lines.encode(y=altair.Y("mib:Q", title="MiB of an update").scale(type="log"))
    seconds = lines.encode(y=altair.Y("seconds:Q", title="seconds of an update").scale(type="log"))
    altair.hconcat(memory, seconds).save(str(path))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", type=Path, help="write the table to this file too")
    parser.add_argument("--figure", type=Path, help="draw it: a .png, .svg or .html file")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--measure", nargs=2, metavar=("KIND", "TOKENS"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.measure:
        kind, length = arguments.measure
        print(json.dumps(measure(kind, int(length), arguments.rounds)))
        return
    print(", ".join(f"{name} {value}" for name, value in environment().items()))
    rows = [row for kind in KINDS for row in rows_of(kind, arguments.threads, arguments.rounds)]
    if arguments.json is not None:
        write_results(arguments.json, rows)
    if arguments.figure is not None:
        draw(rows, arguments.figure)


if __name__ == "__main__":
    main()
