"""The page of all claims: what was asked, the rule, what was measured, and the verdict, readable without a figure."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from gyebo.claims.catalogue import claim_facts, claim_names
from gyebo.claims.engine import ClaimResult
from gyebo.claims.interface import ClaimFacts, Effect, Verdict
from gyebo.claims.verdicts import kept, machine

__all__ = ["claims_page", "rows_over_seeds"]

KOREAN: Mapping[Verdict, str] = {"holds": "성립", "does not hold": "성립하지 않음", "undecided": "판정 보류"}
MOST_ROWS = 40

INTRODUCTION = """# Claims

*An edge of the family tree is a claim: the child fixes this about the parent. Each is tried by an experiment, and each rule was in the
claim's file before the numbers were there. A claim that does not hold is reported as not holding.*

`gyebo claim --all --page docs/claims.md` remakes this page; `gyebo claim NAME` asks for your prediction and tries one.

The rule is the same for all. Every effect is one number a seed, arranged so that larger speaks for the claim; over the seeds it has a mean
and a 95 % confidence interval (Student's t). The effect holds where the whole interval lies at or above its threshold, does not hold where
the whole interval lies below, and is undecided in between. A claim holds where all its effects hold, and does not hold where one does not.
"""


def claims_page(results: Mapping[str, ClaimResult], failures: Mapping[str, str]) -> str:
    """Markdown.  results: those that came to an end, by name.  failures: why the others did not."""
    names = [name for name in claim_names() if name in results or name in failures]
    sections = [_section(claim_facts(name), results.get(name), failures.get(name, "")) for name in names]
    return "\n".join([INTRODUCTION, _summary(names, results), *sections])


def _summary(names: Sequence[str], results: Mapping[str, ClaimResult]) -> str:
    rows = []
    for name in names:
        facts, result = claim_facts(name), results.get(name)
        rows.append(
            [
                f"[{name}](#{name})",
                facts.statement,
                _bold(result.verdict) if result and result.verdict else "not finished",
                f"{result.seconds / 60:.1f}" if result else "",
            ]
        )
    return _table(["claim", "statement", "verdict", "minutes"], rows)


def _section(facts: ClaimFacts, result: ClaimResult | None, failure: str) -> str:
    edge = f"`{facts.parent}` → `{facts.child}`" if facts.parent != facts.child else f"a part of `{facts.child}`"
    parts = [f"## {facts.name}\n", f"**{facts.statement}** ({edge}; {facts.source})\n"]
    if facts.korean:
        told = f" 판정: {KOREAN[result.verdict]}." if result and result.verdict else ""
        parts.append(f"{facts.korean}{told}\n")
    parts.append(f"{facts.question}\n")
    if result is None or result.verdict is None:
        parts.append(f"Not finished: {failure or 'fewer than three seeds were measured.'}\n")
        parts.append(_table(["effect", "meaning", "at least", "why"], [_effect_cells(effect) for effect in facts.effects]))
        return "\n".join(parts)
    found = {effect.name: effect for effect in result.effects}
    rows = [
        [*_effect_cells(effect), _number(one.mean), f"{_number(one.low)} to {_number(one.high)}", one.verdict]
        for effect in facts.effects
        for one in [found[effect.name]]
    ]
    parts.append(_table(["effect", "meaning", "at least", "why", "mean", "95 % interval", "outcome"], rows))
    parts.append(f"Verdict: {_bold(result.verdict)}. {facts.outcomes[result.verdict]}\n")
    parts += _measured(result)
    seeds = ", ".join(map(str, result.seeds))
    parts.append(
        f"Seeds {seeds}; mean ± standard deviation over them. {result.seconds / 60:.1f} minutes on {machine(result.environment)}.\n"
    )
    return "\n".join(parts)


def _measured(result: ClaimResult) -> list[str]:
    """A table for each kind of row, which is told by its columns."""
    kinds: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row in result.table:
        kinds.setdefault(tuple(row), []).append(row)
    parts = []
    for kind in kinds.values():
        rows = rows_over_seeds(kind)
        if len(rows) > MOST_ROWS:
            ends = rows_over_seeds(_ends(kind))
            parts.append(
                f"The ends of curves; all {len(rows)} points are in the files seed-N.json of `gyebo claim {result.claim}`:\n"
            )
            rows = ends
        columns = [column for column in rows[0] if any(row.get(column, "") != "" for row in rows)]
        parts.append(_table(columns, [[row.get(column, "") for column in columns] for row in rows]))
    return parts


def _ends(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The last row of each curve, whose rows have the same seed and the same texts."""
    return [*{(row["seed"], *(value for value in row.values() if isinstance(value, str))): row for row in rows}.values()]


def rows_over_seeds(table: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """A row a condition, its numbers as mean ± standard deviation over the seeds, where every seed has the same conditions.

    Seeds with other conditions are listed one after the other. Lists and mappings (curves, say) are for the figure, and left out.

    >>> rows_over_seeds([{"seed": 1, "model": "gru", "loss": 0.5}, {"seed": 2, "model": "gru", "loss": 0.7}])
    [{'model': 'gru', 'loss': '0.6 ± 0.1414'}]
    """
    by_seed: dict[int, list[dict[str, Any]]] = {}
    for row in table:
        plain = {key: value for key, value in row.items() if key != "seed" and not isinstance(value, list | dict)}
        by_seed.setdefault(row["seed"], []).append(plain)
    groups = list(by_seed.values())
    if len({len(group) for group in groups}) == 1:
        together = [_together(rows) for rows in zip(*groups, strict=True)]
        if None not in together:
            return [row for row in together if row is not None]
    return [
        {"seed": str(seed), **{key: _cell(value) for key, value in row.items()}} for seed, rows in by_seed.items() for row in rows
    ]


def _together(rows: Sequence[Mapping[str, Any]]) -> dict[str, str] | None:
    """One condition over the seeds; None where these rows are not of the same condition."""
    if len({tuple(row) for row in rows}) > 1:
        return None
    cells = {}
    for column in rows[0]:
        values = [row[column] for row in rows]
        if all(value == values[0] for value in values):
            cells[column] = _cell(values[0])
        elif all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
            cells[column] = f"{_number(statistics.fmean(values))} ± {_number(statistics.stdev(values))}"
        elif any(isinstance(value, str) for value in values):
            return None
        else:  # a number that some seeds do not have: None, or yes and no
            cells[column] = ", ".join(_cell(value) for value in values)
    return cells


def _effect_cells(effect: Effect) -> list[str]:
    return [effect.name, effect.meaning, _number(effect.at_least), effect.why]


def _cell(value: Any) -> str:
    match value:
        case None:
            return "–"
        case bool():
            return "yes" if value else "no"
        case int() | float():
            return _number(value)
        case _:
            return str(value)


def _number(value: float) -> str:
    """Four digits of what a shipped verdict keeps, thousands set apart; what is whole stays whole.

    >>> _number(17473), _number(0.123456), _number(-2.0), _number(1234.56)
    ('17,473', '0.1235', '-2', '1,235')
    >>> _number(-0.0106249999999999987), _number(-0.010625)  # of sums in another order
    ('-0.01063', '-0.01063')
    """
    value = kept(value)
    if float(value).is_integer() or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def _bold(verdict: str) -> str:
    return f"**{verdict}**"


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(_inside_a_table(cell) for cell in line) + " |" for line in lines) + "\n"


def _inside_a_table(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
