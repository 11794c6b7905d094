"""Verdicts as far as they are known: shipped ones, the reader's own, and outdated ones."""

from __future__ import annotations

import pytest

from gyebo.claims.catalogue import claim_facts, claim_names
from gyebo.claims.verdicts import StoredVerdict
from gyebo.tree import outcomes as module
from gyebo.tree.outcomes import NOT_RUN, PUBLISHED, outcomes


def stored(name: str, outdated: bool = False) -> StoredVerdict:
    effects = {
        effect.name: {"mean": 2.0, "low": 1.0, "high": 3.0, "at_least": effect.at_least} for effect in claim_facts(name).effects
    }
    return StoredVerdict(
        verdict="holds",
        effects=effects,
        seeds=(1, 2, 3),
        minutes=1.0,
        machine="here",
        version="0",
        origin="own",
        outdated=outdated,
    )


def test_every_claim_has_an_outcome():
    assert [outcome.name for outcome in outcomes(PUBLISHED)] == [*claim_names()]


@pytest.mark.parametrize(("outdated", "verdict", "mean"), [(False, "holds", 2.0), (True, NOT_RUN, None)])
def test_a_verdict_under_another_text_counts_as_not_run(outdated, verdict, mean, monkeypatch):
    monkeypatch.setattr(module, "stored_verdict", lambda name, folder: stored(name, outdated))
    for outcome in outcomes(PUBLISHED):
        assert outcome.verdict == verdict
        assert {effect.mean for effect in outcome.effects} == {mean}


def test_a_claim_that_nobody_ran_has_thresholds_only(monkeypatch):
    monkeypatch.setattr(module, "stored_verdict", lambda name, folder: None)
    for outcome in outcomes(PUBLISHED):
        assert outcome.verdict == NOT_RUN
        assert all(" at least " in str(effect) and effect.mean is None for effect in outcome.effects)
