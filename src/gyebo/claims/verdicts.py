"""What is known of a claim without running it: the reader's own result, else the one that is shipped with gyebo.

The shipped ones stand in `verdicts.json`, which `gyebo claim --all --publish` remakes. A result that was measured under another text
of the claim, or by another version of gyebo, is outdated, and says nothing of it any more.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import gyebo
from gyebo.claims.catalogue import claim_facts, fingerprint
from gyebo.claims.store import ClaimFolder, read_json
from gyebo.errors import UsageError
from gyebo.storage import write_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gyebo.claims.engine import ClaimResult

__all__ = ["CLAIMS_FOLDER", "StoredVerdict", "kept", "machine", "publish", "stored_verdict"]

CLAIMS_FOLDER = Path("claims")
"""where a reader's own results are, unless another folder is given"""
PUBLISHED = Path(__file__).with_name("verdicts.json")


@dataclass(frozen=True, kw_only=True)
class StoredVerdict:
    """A verdict, and what it rests on."""

    verdict: str
    effects: Mapping[str, Mapping[str, float]]
    """effect -> its mean, low, high and at_least"""
    seeds: tuple[int, ...]
    minutes: float
    machine: str
    version: str
    origin: Literal["own", "published"]
    outdated: bool
    """whether the claim's text, or gyebo's version, has changed since"""

    def __str__(self) -> str:
        return "outdated: run it" if self.outdated else self.verdict


def stored_verdict(name: str, folder: Path = CLAIMS_FOLDER) -> StoredVerdict | None:
    """The reader's own verdict in `folder`, else the published one; None where there is neither.

    One that is up to date goes before one that is outdated.
    Raises UsageError for an unknown claim.
    """
    now = fingerprint(name), gyebo.__version__
    own = read_json(ClaimFolder(folder / name).result)
    found = [_own(own, now), _published().get(name) and _read(_published()[name], now, "published")]
    known = [item for item in found if item]
    return next((item for item in known if not item.outdated), known[0] if known else None)


def publish(results: Iterable[ClaimResult]) -> Path:
    """Write the verdicts into the table that is shipped; claims that are not among them keep theirs.

    Raises UsageError outside of a checkout, and for a result that has no verdict or is not of the claim's own seeds.
    """
    if not (PUBLISHED.parents[3] / "pyproject.toml").is_file():
        raise UsageError("--publish writes into the sources of gyebo, but this one is installed: give it in a checkout.")
    table = _published()
    for result in results:
        if result.verdict is None or result.seeds != tuple(claim_facts(result.claim).seeds):
            raise UsageError(
                f"The claim {result.claim} was run with the seeds {' '.join(map(str, result.seeds))}, but only a verdict over the"
                " claim's own seeds is published: leave --seeds out."
            )
        table[result.claim] = _entry(result)
    write_text(PUBLISHED, json.dumps(dict(sorted(table.items())), indent=2, ensure_ascii=False) + "\n")
    return PUBLISHED


def _entry(result: ClaimResult) -> dict[str, Any]:
    return {
        "verdict": result.verdict,
        "effects": {
            effect.name: {key: kept(getattr(effect, key)) for key in ("mean", "low", "high", "at_least")}
            for effect in result.effects
        },
        "seeds": [*result.seeds],
        "minutes": round(result.seconds / 60, 1),
        "machine": machine(result.environment),
        "fingerprint": result.fingerprint,
        "version": result.version,
    }


def machine(environment: Mapping[str, Any]) -> str:
    """One line about what a claim was measured on.

    >>> machine({"processor": "Intel Xeon", "threads": 1})
    'Intel Xeon, 1 thread'
    """
    threads = environment["threads"]
    return f"{environment['processor']}, {threads} thread{'s' * (threads != 1)}"


def kept(value: float) -> float:
    """A number to the twelve digits that a shipped verdict has."""
    return float(f"{value:.12g}")


def _published() -> dict[str, Any]:
    found = read_json(PUBLISHED)
    return found if isinstance(found, dict) else {}


def _own(result: Any, now: tuple[str, str]) -> StoredVerdict | None:
    try:
        effects = {
            effect["name"]: {key: effect[key] for key in ("mean", "low", "high", "at_least")} for effect in result["effects"]
        }
        entry = {
            **result,
            "effects": effects,
            "minutes": round(result["seconds"] / 60, 1),
            "machine": machine(result["environment"]),
        }
        return _read(entry, now, "own") if result["verdict"] is not None else None
    except (TypeError, KeyError, AttributeError):  # no result of a claim
        return None


def _read(entry: Mapping[str, Any], now: tuple[str, str], origin: Literal["own", "published"]) -> StoredVerdict:
    return StoredVerdict(
        verdict=entry["verdict"],
        effects=entry["effects"],
        seeds=tuple(entry["seeds"]),
        minutes=entry["minutes"],
        machine=entry["machine"],
        version=entry["version"],
        origin=origin,
        outdated=(entry["fingerprint"], entry["version"]) != now,
    )
