"""Write the page of benchmarks from what the benchmarks wrote: nothing in it is typed by hand.

    python benchmarks/page.py FOLDER docs/benchmarks.md

FOLDER holds what `python benchmarks/NAME.py --json FOLDER/NAME.json` wrote; each NAME becomes a section, with the text that
begins the script as its explanation.  Raises SystemExit naming what is missing where a file does not belong to a script.
"""

from __future__ import annotations

import argparse
import ast
import json
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
HEADING = """# Benchmarks

Side by side with the field's own code: each peer at the same work, on the same machine, in turns, so that a machine that slows
down slows all. Times are medians. This page is written by `make benchmarks`; run it to see the numbers of your machine.
"""


def section(results: Path) -> str:
    """One benchmark as Markdown: its question, its table, and the machine that answered."""
    script = HERE / f"{results.stem}.py"
    if not script.exists():
        raise SystemExit(f"{results} belongs to no benchmark: there is no {script.name}. Its name must be that of the script.")
    explanation = ast.get_docstring(ast.parse(script.read_text(encoding="utf-8"))) or script.stem
    title, _, text = explanation.partition("\n\n")
    found = json.loads(results.read_text(encoding="utf-8"))
    told = "; ".join(f"{name} {value}" for name, value in found["environment"].items())
    return "\n".join(
        [f"## {title.rstrip('.')}", "", _paragraphs(text), "", table(found["rows"]), "", f"Measured with: {told}.", ""]
    )


def table(rows: list[dict[str, Any]]) -> str:
    """Rows of one shape as a Markdown table, numbers to the right.

    >>> print(table([{"layer": "GRU", "ours_ms": 4.25, "met": True}]))
    | layer | ours ms | met |
    | --- | ---: | --- |
    | GRU | 4.25 | yes |
    """
    names = list(rows[0])
    rules = ["---:" if any(_is_number(row[name]) for row in rows) else "---" for name in names]
    lines = [[name.replace("_", " ") for name in names], rules]
    lines += [[_cell(row[name]) for name in names] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _paragraphs(text: str) -> str:
    """A docstring's text: indented blocks are commands."""
    blocks = [f"```sh\n{_dedented(block)}\n```" if block.startswith(" ") else block for block in text.split("\n\n")]
    return "\n\n".join(blocks)


def _dedented(block: str) -> str:
    return "\n".join(line.removeprefix("    ") for line in block.splitlines())


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case float():
            return f"{value:g}"
    return str(value).replace("|", "\\|")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, help="where the benchmarks wrote their JSON files")
    parser.add_argument("page", type=Path, help="the Markdown file to write")
    arguments = parser.parse_args()
    files = sorted(arguments.folder.glob("*.json"))
    if not files:
        parser.error(f"there is no JSON file in {arguments.folder}. Run the benchmarks first: make benchmarks")
    arguments.page.write_text("\n".join([HEADING, *map(section, files)]), encoding="utf-8")
    print(f"{arguments.page}: {len(files)} benchmarks")


if __name__ == "__main__":
    main()
