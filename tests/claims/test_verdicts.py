"""What is known without running: own results before the published ones, and nothing that another text of the claim has measured."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import gyebo
from gyebo.claims import catalogue, verdicts
from gyebo.claims.catalogue import claim_facts, claim_names, fingerprint
from gyebo.claims.engine import run_claim
from gyebo.claims.statistics import Interval, joint_verdict, judge
from gyebo.claims.verdicts import publish, stored_verdict
from gyebo.errors import UsageError


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout of its own with an empty table."""
    path = tmp_path / "checkout" / "src" / "gyebo" / "claims" / "verdicts.json"
    path.parent.mkdir(parents=True)
    (tmp_path / "checkout" / "pyproject.toml").touch()
    monkeypatch.setattr(verdicts, "PUBLISHED", path)
    return path


def run(folder: Path):
    return run_claim(catalogue.claim("fake-claim"), folder / "fake-claim")


def test_nothing_is_known(fake_claims, published, tmp_path):
    assert stored_verdict("fake-claim", tmp_path / "claims") is None
    with pytest.raises(UsageError, match="There is no claim 'banana'"):
        stored_verdict("banana", tmp_path)


def test_own_result(fake_claims, published, tmp_path):
    result = run(tmp_path)
    known = stored_verdict("fake-claim", tmp_path)
    assert known is not None
    assert (str(known), known.origin, known.seeds, known.outdated) == ("holds", "own", (1, 2, 3), False)
    assert known.effects["gain"]["mean"] == result.effects[0].mean
    assert known.machine.endswith(", 1 thread")


def test_published_result(fake_claims, published, tmp_path):
    publish([run(tmp_path / "elsewhere")])
    known = stored_verdict("fake-claim", tmp_path / "claims")
    assert known is not None
    assert (str(known), known.origin) == ("holds", "published")
    assert known.effects == {
        "gain": pytest.approx({"mean": 1.2, "low": 0.951586, "high": 1.44841, "at_least": 0.5}, abs=1e-5),
        "saving": {"mean": 0.25, "low": 0.25, "high": 0.25, "at_least": 0.25},
    }
    entry = json.loads(published.read_text())["fake-claim"]
    assert not {"date", "time", "folder"} & set(entry)


def test_own_result_goes_before_the_published_one(fake_claims, published, tmp_path):
    publish([run(tmp_path / "elsewhere")])
    table = json.loads(published.read_text())
    table["fake-claim"]["verdict"] = "undecided"
    published.write_text(json.dumps(table))
    run(tmp_path)
    assert str(stored_verdict("fake-claim", tmp_path)) == "holds"
    assert str(stored_verdict("fake-claim", tmp_path / "nowhere")) == "undecided"


def test_outdated_results(fake_claims, published, tmp_path):
    run(tmp_path)
    fake_claims.add(note="# another experiment")
    known = stored_verdict("fake-claim", tmp_path)
    assert known is not None
    assert known.outdated
    assert str(known) == "outdated: run it"
    publish([run(tmp_path / "elsewhere")])
    assert str(stored_verdict("fake-claim", tmp_path)) == "holds", (
        "a published one that is up to date goes before an own one that is not"
    )


def test_results_of_another_version_are_outdated(fake_claims, published, tmp_path, monkeypatch):
    run(tmp_path)
    monkeypatch.setattr(gyebo, "__version__", "9.9")
    assert str(stored_verdict("fake-claim", tmp_path)) == "outdated: run it"


def test_other_seeds_are_no_verdict(fake_claims, published, tmp_path):
    claim = catalogue.claim("fake-claim")
    run_claim(claim, tmp_path / "fake-claim", seeds=[7, 8, 9])
    assert stored_verdict("fake-claim", tmp_path) is None
    run(tmp_path)
    run_claim(claim, tmp_path / "fake-claim", seeds=[1])
    assert str(stored_verdict("fake-claim", tmp_path)) == "holds"


@pytest.mark.parametrize("damage", ["", "[]", "{}", '{"verdict": "holds"}', '{"effects": 3, "verdict": "holds"}', '"holds"'])
def test_damaged_own_results_say_nothing(fake_claims, published, tmp_path, damage):
    run(tmp_path)
    (tmp_path / "fake-claim" / "result.json").write_text(damage)
    assert stored_verdict("fake-claim", tmp_path) is None


def test_no_verdict_is_none(fake_claims, published, tmp_path):
    run_claim(catalogue.claim("fake-claim"), tmp_path / "fake-claim", seeds=[1])
    assert stored_verdict("fake-claim", tmp_path) is None


def test_only_verdicts_over_the_claims_own_seeds_are_published(fake_claims, published, tmp_path):
    claim = catalogue.claim("fake-claim")
    for seeds in ([4, 5, 6], [1, 2]):
        with pytest.raises(UsageError, match="only a verdict over the claim's own seeds is published"):
            publish([run_claim(claim, tmp_path, seeds=seeds)])
    assert not published.exists()


def test_publishing_keeps_the_other_claims(fake_claims, published, tmp_path):
    publish([run(tmp_path)])
    fake_claims.add("other-claim")
    publish([run_claim(catalogue.claim("other-claim"), tmp_path / "other-claim")])
    assert [*json.loads(published.read_text())] == ["fake-claim", "other-claim"]


def test_publishing_is_for_a_checkout(fake_claims, published, tmp_path):
    (tmp_path / "checkout" / "pyproject.toml").unlink()
    with pytest.raises(UsageError, match="give it in a checkout"):
        publish([run(tmp_path)])


def test_the_shipped_table_is_of_the_claims_as_they_stand():
    table = json.loads(verdicts.PUBLISHED.read_text(encoding="utf-8"))
    assert set(table) <= set(claim_names())
    for name, entry in table.items():
        facts = claim_facts(name)
        assert entry["fingerprint"] == fingerprint(name), f"{name} has changed since: gyebo claim --all --publish"
        assert tuple(entry["seeds"]) == tuple(facts.seeds)
        effects = {effect.name: effect.at_least for effect in facts.effects}
        assert {key: value["at_least"] for key, value in entry["effects"].items()} == effects
        found = [judge(Interval(item["mean"], item["low"], item["high"]), item["at_least"]) for item in entry["effects"].values()]
        assert entry["verdict"] == joint_verdict(found)


def test_what_is_known_is_known_without_torch():
    code = (
        "import sys; from gyebo.claims.catalogue import claim_names, claims_of; from gyebo.claims.verdicts import stored_verdict\n"
        "[stored_verdict(name) for name in claim_names()]; claims_of('gru'); print('torch' in sys.modules, 'altair' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False False\n"
