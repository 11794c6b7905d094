"""Four translators on Multi30k with the same number of minutes each: what a budget buys.

    python benchmarks/equal_budget.py RUNS [--minutes 20] [--threads 1] [--page docs/equal-budget.md] [--only luong ...] [--pairs de-en ...]

Each architecture trains with its own recipe in three language pairs.  A probe of PROBE_STEPS updates measures its target tokens a
second, on the first pair; the epochs are as many as fit into the budget at that speed, with a share left for the evaluations.  So the
budget is counted in updates of known speed, not by a clock: where other work slows a training down, it takes longer and ends at the
same weights.  Let the probes run on an idle machine.  Trainings stand in the folder RUNS and are resumed: the same command again goes
on, and with everything trained it only writes the page.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from page import table
from timing import environment

ARCHITECTURES = ("seq2seq", "bahdanau", "luong", "transformer")
PAIRS = ("de-en", "en-fr", "cs-en")
PROBE_STEPS = 40
FOR_TRAINING = 0.9
"""share of the budget that updates may take; evaluations take the rest"""


def train(runs: Path, name: str, architecture: str, pair: str, threads: int, *options: str) -> Path:
    """`gyebo train` of this architecture's recipe in this language pair; returns its run folder."""
    source, target = pair.split("-")
    command = [sys.executable, "-m", "gyebo", "train", f"multi30k-{architecture}", "--runs-dir", str(runs), "--name", name]
    command += ["--translate.pairs.source", source, "--translate.pairs.target", target, "--threads", str(threads), *options]
    subprocess.run(command, check=True)
    return runs / name


def metrics(folder: Path, kind: str) -> list[dict[str, Any]]:
    lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return [record for record in map(json.loads, lines) if record["kind"] == kind]


def probe(runs: Path, architecture: str, pair: str, threads: int) -> dict[str, Any]:
    """What a few updates tell: the last record of a short training, with its tokens, tokens a second and share of an epoch."""
    name = f"probe-{architecture}-{pair}"
    if not (runs / name / "results.json").exists():
        half = str(PROBE_STEPS // 2)
        quick = ("--translate.validation-predictions", "0", "--evaluation.metric", "loss", "--translate.decoding.beam", "1")
        train(runs, name, architecture, pair, threads, "--steps", str(PROBE_STEPS), "--log-every", half, *quick)
    return metrics(runs / name, "train")[-1]


def row(runs: Path, architecture: str, pair: str, threads: int, minutes: float) -> dict[str, object]:
    speed = probe(runs, architecture, PAIRS[0], threads)["tokens_per_second"]
    few = probe(runs, architecture, pair, threads)
    tokens_of_an_epoch = few["tokens"] / few["epoch"]
    epochs = max(1, int(FOR_TRAINING * minutes * 60 * speed / tokens_of_an_epoch))
    folder = train(runs, f"equal-{architecture}-{pair}", architecture, pair, threads, "--minutes", "0", "--epochs", str(epochs))
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    test = results["splits"]["test"]["metrics"]
    return {
        "pair": pair,
        "architecture": architecture,
        "parameters": results["parameters"],
        "target_tokens_per_second": round(speed),
        "epochs": epochs,
        "updates": metrics(folder, "train")[-1]["step"],
        "minutes_of_updates": round(epochs * tokens_of_an_epoch / speed / 60, 1),
        "test_perplexity": round(test["perplexity"], 2),
        "test_BLEU": round(test["bleu"], 2),
        "GiB": round(results["peak_memory_gib"], 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("runs", type=Path, help="the folder of the trainings")
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--page", type=Path, help="write the table to this Markdown file too")
    parser.add_argument("--only", nargs="+", choices=ARCHITECTURES, default=ARCHITECTURES)
    parser.add_argument("--pairs", nargs="+", choices=PAIRS, default=PAIRS)
    arguments = parser.parse_args()
    rows = [
        row(arguments.runs, architecture, pair, arguments.threads, arguments.minutes)
        for pair in arguments.pairs
        for architecture in arguments.only
    ]
    print(table(rows))
    if arguments.page is not None:
        told = "; ".join(f"{name} {value}" for name, value in environment().items() if name not in ("load", "threads"))
        text = f"""# Four translators, {arguments.minutes:g} minutes each

Multi30k, test_2016_flickr, lower-cased, beam 5; each with its own recipe (`multi30k-...`), {arguments.threads} thread of the machine
below, bfloat16. As many epochs as fit into {FOR_TRAINING:.0%} of the time at the target tokens a second that were measured before; the
rest is for evaluations. This page is written by

```sh
python benchmarks/equal_budget.py RUNS --minutes {arguments.minutes:g} --threads {arguments.threads} --page {arguments.page}
```

{table(rows)}

Machine: {told}.
"""
        arguments.page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
