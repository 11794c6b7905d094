"""`gyebo verify [ARCHITECTURE ...]`: recompute what the project promises of its architectures."""

from __future__ import annotations

import dataclasses
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from gyebo.cli.parsing import Flag, parse, shown
from gyebo.cli.tables import print_json, print_table
from gyebo.genealogy import facts
from gyebo.storage import write_text

if TYPE_CHECKING:
    from gyebo.verification import Record


@dataclass(frozen=True, kw_only=True)
class VerifyOptions:
    """Check counts against papers, outputs against references, and the contract."""

    architectures: Annotated[tyro.conf.Positional[tuple[str, ...]], shown("[ARCHITECTURE ...]")] = ()
    """names; all of them where none is given"""
    output: Annotated[Path | None, shown("FILE")] = None
    """also write the page of results, such as docs/fidelity.md"""
    json: Flag = False
    """print JSON"""


def _tell(record: Record) -> None:
    told = f"{record.architecture}: {record.kind} {record.name}: {record.outcome}"
    print(told, file=sys.stderr, flush=True)


def run(words: list[str]) -> int:
    """Verify; 1 where something failed."""
    options = parse(VerifyOptions, words, "gyebo verify")
    for name in options.architectures:
        facts(name)  # an unknown one is told before the long work
    from gyebo.verification import fidelity_page, verify

    records = verify(options.architectures or None, _tell)
    if options.output is not None:
        write_text(options.output, fidelity_page(records))
    if options.json:
        print_json([dataclasses.asdict(record) for record in records])
    else:
        columns = ("architecture", "kind", "name", "outcome", "detail")
        print_table(columns, [[getattr(record, column) for column in columns] for record in records])
        outcomes = Counter(record.outcome for record in records)
        print("\n" + ", ".join(f"{outcomes[outcome]} {outcome}" for outcome in ("passed", "failed", "skipped")))
        if options.output is not None:
            print(f"written to {options.output}")
    return 1 if any(record.outcome == "failed" for record in records) else 0
