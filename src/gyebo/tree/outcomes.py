"""What the claims found, as far as it is known without running them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from gyebo.claims.catalogue import claim_facts, claim_names
from gyebo.claims.verdicts import StoredVerdict, stored_verdict

__all__ = ["NOT_RUN", "PUBLISHED", "EffectFound", "Outcome", "outcomes"]

NOT_RUN = "not run"
PUBLISHED = Path(os.devnull)
"""a folder without any result of the reader's own: what is left are the verdicts that gyebo ships"""


@dataclass(frozen=True)
class EffectFound:
    """One number of a claim, beside the threshold that was fixed before; its mean and 95 % interval are there once it has been run."""

    name: str
    meaning: str
    at_least: float
    mean: float | None = None
    low: float | None = None
    high: float | None = None

    def __str__(self) -> str:
        """
        >>> print(EffectFound("bleu_gain", "BLEU with attention minus BLEU without", 1.0, 8.5, 7.25, 9.75))
        bleu_gain 8.5 [7.25, 9.75], at least 1
        """
        return self.beside("at least {:g}")

    def beside(self, threshold: str) -> str:
        """What was found, beside the threshold in the words of a language.

        >>> EffectFound("bleu_gain", "BLEU with attention minus BLEU without", 1.0, 8.5, 7.25, 9.75).beside("{:g} 이상")
        'bleu_gain 8.5 [7.25, 9.75], 1 이상'
        """
        told = threshold.format(self.at_least)
        if self.mean is None or self.low is None or self.high is None:
            return f"{self.name} {told}"
        return f"{self.name} {self.mean:.4g} [{self.low:.4g}, {self.high:.4g}], {told}"


@dataclass(frozen=True)
class Outcome:
    """A claim with its verdict: holds, does not hold, undecided, or not run."""

    name: str
    parent: str
    child: str
    statement: str
    verdict: str = NOT_RUN
    effects: tuple[EffectFound, ...] = ()
    korean: str = ""
    """the statement in Korean; empty where the claim's file has none"""


def outcomes(folder: Path) -> tuple[Outcome, ...]:
    """Every claim of the catalogue, with the reader's own result in `folder`, or the one that gyebo ships.

    A verdict that was reached under another text of its claim says nothing of it any more: it counts as not run.
    """
    return tuple(_outcome(name, stored_verdict(name, folder)) for name in claim_names())


def _outcome(name: str, stored: StoredVerdict | None) -> Outcome:
    claim = claim_facts(name)
    current = stored if stored and not stored.outdated else None
    found = current.effects if current else {}
    return Outcome(
        name=name,
        parent=claim.parent,
        child=claim.child,
        statement=claim.statement,
        verdict=current.verdict if current else NOT_RUN,
        effects=tuple(
            EffectFound(
                effect.name,
                effect.meaning,
                effect.at_least,
                *(found.get(effect.name, {}).get(key) for key in ("mean", "low", "high")),
            )
            for effect in claim.effects
        ),
        korean=claim.korean,
    )
