"""How long starting takes: importing gyebo, its help and its list, beside a Python that does nothing.

    python benchmarks/start_up.py [--json FILE] [--rounds 15]

Every call is a new process, timed from outside, and the four take turns.  Files are in the system's cache after the first
rounds, which do not count.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from timing import alternate, environment, write_results

COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "python -c 'import gyebo'": ["-c", "import gyebo"],
    "gyebo --help": ["-m", "gyebo", "--help"],
    "gyebo list": ["-m", "gyebo", "list"],
}
SECONDS_ALLOWED = {"python -c 'import gyebo'": 0.3, "gyebo --help": 0.5, "gyebo list": 0.5}


def process(arguments: list[str]) -> Callable[[], None]:
    """A call that runs this Python with the arguments and waits for its end.  Raises CalledProcessError where it fails."""

    def run() -> None:
        subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)

    return run


def measure(rounds: int) -> list[dict[str, object]]:
    """One row for each command."""
    seconds = alternate({name: process(arguments) for name, arguments in COMMANDS.items()}, rounds=rounds)
    rows: list[dict[str, object]] = []
    for name, median in seconds.items():
        allowed = SECONDS_ALLOWED.get(name)
        rows.append(
            {
                "command": name,
                "milliseconds": round(1000 * median),
                "allowed": None if allowed is None else round(1000 * allowed),
                "met": None if allowed is None else median < allowed,
            }
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", type=Path, help="write the table to this file too")
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()

    print(", ".join(f"{name} {value}" for name, value in environment().items()))
    print(f"{'command':26} {'ms':>6} {'allowed':>8}")
    rows = measure(arguments.rounds)
    for row in rows:
        print(f"{row['command']:26} {row['milliseconds']:6} {row['allowed'] or '':>8}")
    if arguments.json is not None:
        write_results(arguments.json, rows)


if __name__ == "__main__":
    main()
