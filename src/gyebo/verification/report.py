"""Run every check over the catalogue, and write what was found as a page."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version

import gyebo
from gyebo.genealogy import Architecture, architecture, architecture_names, facts
from gyebo.verification.contract import PROPERTIES, check_property, properties_of
from gyebo.verification.counts import count_sizes
from gyebo.verification.parity import Case, parity_cases
from gyebo.verification.parity.case import TOLERANCES, compare
from gyebo.verification.record import Kind, Record
from gyebo.verification.subject import subject_type

__all__ = ["fidelity_page", "verify"]

MARKS = {"passed": "✓", "failed": "✗", "skipped": "–"}
PACKAGES = ("torch", "numpy", "safetensors", "onnx", "onnxscript", "onnxruntime", "transformers")


def verify(names: Sequence[str] | None = None, listener: Callable[[Record], None] | None = None) -> list[Record]:
    """Count, compare and try the contract on these architectures, or on all.  The records come in the order of the catalogue.

    listener: hears of each record as soon as it is there; a whole contract takes about a minute an architecture.
    Raises UsageError for an unknown name, before anything is run.
    """
    entries = [architecture(name) for name in (architecture_names() if names is None else names)]
    cases = parity_cases()
    records = []
    for entry in entries:
        for record in _records(entry, cases):
            records.append(record)
            if listener is not None:
                listener(record)
    return records


def _records(entry: Architecture, cases: Sequence[Case]) -> Iterator[Record]:
    yield from count_sizes(entry)
    references = [case for case in cases if case.architecture == entry.name]
    if not references:
        yield Record(entry.name, "parity", "a reference", "failed", "gyebo.verification.parity has no case for it")
    for case in references:
        yield compare(case, entry)
    for name in properties_of(entry):
        yield check_property(entry, name)


def fidelity_page(records: Sequence[Record]) -> str:
    """The records as a Markdown page: versions, counts, references, contract, and the command that remakes it.

    >>> page = fidelity_page([Record("lstm", "count", "large", "passed", "Table 1", {"weights": 6e7, "parameters": 6.1e7})])
    >>> print(page[page.index("| lstm") :].splitlines()[0])
    | lstm | large | 60,000,000 | 61,000,000 |  | Table 1 | ✓ |
    """
    parts = (
        _head(records),
        _counts(_of("count", records)),
        _references(_of("parity", records)),
        _contract(_of("contract", records)),
    )
    return "\n\n".join(part for part in parts if part) + "\n"


def _of(kind: Kind, records: Sequence[Record]) -> list[Record]:
    return [record for record in records if record.kind == kind]


def _head(records: Sequence[Record]) -> str:
    totals = [f"{sum(record.outcome == outcome for record in records)} {outcome}" for outcome in MARKS]
    versions = [f"gyebo {gyebo.__version__}", f"Python {platform.python_version()}", *filter(None, map(_version, PACKAGES))]
    return "\n".join(
        [
            "# Fidelity",
            "",
            "Written by `gyebo verify --output docs/fidelity.md`, which remakes it; nothing here is typed by hand.",
            "",
            f"Of {len(records)} checks: {', '.join(totals)}.",
            "",
            f"Versions: {', '.join(versions)}, on {platform.system()} {platform.machine()}.",
        ]
    )


def _version(package: str) -> str | None:
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return None


def _counts(records: Sequence[Record]) -> str:
    rows = [
        [
            record.architecture,
            record.name,
            f"{record.numbers['weights']:,.0f}",
            f"{record.numbers['parameters']:,.0f}",
            f"{record.numbers['multiply_adds']:,.0f}" if "multiply_adds" in record.numbers else "",
            record.detail,
            MARKS[record.outcome],
        ]
        for record in records
    ]
    told = (
        "Every size with a published count, built on the meta device and counted, exactly. Weights are the numbers in matrices, which"
        " older papers count; parameters are all trainable numbers. Multiply-adds are those of one image, in convolutions and matrix"
        " products."
    )
    return _section(
        "Parameter counts", told, ["architecture", "size", "weights", "parameters", "multiply-adds", "published", ""], rows
    )


def _references(records: Sequence[Record]) -> str:
    measures = [f"{what} {precision}" for precision in TOLERANCES for what in ("outputs", "gradients")]
    rows = [
        [
            record.architecture,
            record.name,
            *(f"{record.numbers[measure]:.1e}" if measure in record.numbers else "" for measure in measures),
            MARKS[record.outcome],
        ]
        for record in records
    ]
    allowed = ", ".join(f"{limit:.0e} in {precision}" for precision, limit in TOLERANCES.items())
    told = (
        "The largest absolute differences from a second implementation that shares no code with the model, given the same weights and"
        " sentences of different lengths, or images. Outputs are the logits of the full pass and of step-by-step decoding, and the"
        " alignment where there is one; gradients are those of what training minimises, by every parameter."
        f" Allowed are {allowed}."
    )
    return _section("Equal to a reference", told, ["architecture", "reference", *measures, ""], rows)


def _contract(records: Sequence[Record]) -> str:
    """A table for each kind of model: what tokens promise is nothing to images."""
    kinds: dict[str, list[Record]] = {}
    for record in records:
        kinds.setdefault(subject_type(record.architecture, facts(record.architecture).task).kind, []).append(record)
    told = "What holds for every architecture because it is in the catalogue, tried on tiny models whose sizes all differ."
    page = "\n\n".join(_section(f"The contract: models of {kind}", told, *_grid(of_kind)) for kind, of_kind in kinds.items())
    notes = [
        f"- {MARKS[record.outcome]} **{record.architecture}**, {record.name.replace('_', ' ')}: {_one_line(record.detail)}"
        for record in records
        if record.outcome != "passed"
    ]
    return "\n".join([page, "", *notes]) if page and notes else page


def _grid(records: Sequence[Record]) -> tuple[list[str], list[list[str]]]:
    """The head and the rows of a table: a property a row, an architecture a column."""
    names = list(dict.fromkeys(record.architecture for record in records))
    outcomes = {(record.architecture, record.name): MARKS[record.outcome] for record in records}
    tried = {record.name for record in records}
    rows = [
        [PROPERTIES[check].statement, *(outcomes.get((name, check), "") for name in names)]
        for check in PROPERTIES
        if check in tried
    ]
    return ["property", *names], rows


def _section(title: str, told: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join([f"## {title}", "", told, "", *("| " + " | ".join(map(_one_line, line)) + " |" for line in lines)])


def _one_line(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
