"""Every claim at once: what its file must say before anything is run."""

from __future__ import annotations

import ast
from dataclasses import fields
from pathlib import Path
from typing import get_args

import pytest

import gyebo.claims
from gyebo import genealogy
from gyebo.claims import catalogue
from gyebo.claims.catalogue import claim, claim_facts, claim_names, claims_of, fingerprint
from gyebo.claims.interface import ClaimFacts, Verdict
from gyebo.claims.page import KOREAN
from gyebo.errors import UsageError

CLAIMS = Path(gyebo.claims.__file__).parent


def test_every_file_with_an_experiment_is_in_the_catalogue():
    with_entry = [path for path in CLAIMS.glob("*.py") if "CLAIM" in assigned(path)]
    assert sorted(path.stem.replace("_", "-") for path in with_entry) == sorted(claim_names())
    assert set(with_entry) == {path for path in CLAIMS.glob("*.py") if "\ndef measure(" in path.read_text(encoding="utf-8")}


def test_every_edge_of_the_tree_has_an_experiment():
    tried = {(claim_facts(name).parent, claim_facts(name).child) for name in claim_names()}
    edges = {(parent, child) for child in genealogy.architecture_names() for parent in genealogy.facts(child).parents}
    assert edges <= tried, f"no claim tries {sorted(edges - tried)}"


def assigned(path: Path) -> set[str]:
    return {
        target.id
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


@pytest.mark.parametrize("name", claim_names())
def test_facts_read_from_the_source_equal_the_imported_claim(name):
    read, imported = claim_facts(name), claim(name)
    for field in fields(ClaimFacts):
        assert getattr(read, field.name) == getattr(imported, field.name), field.name


@pytest.mark.parametrize("name", claim_names())
def test_a_claim_is_an_edge_of_the_tree_or_a_part_of_an_architecture(name):
    facts = claim_facts(name)
    known = genealogy.architecture_names()
    assert facts.name == name
    assert facts.child in known
    assert facts.parent in known
    if facts.parent != facts.child:
        assert facts.parent in genealogy.facts(facts.child).parents


@pytest.mark.parametrize("name", claim_names())
def test_a_reader_can_predict(name):
    facts = claim_facts(name)
    assert set(facts.outcomes) == set(get_args(Verdict))
    assert all(len(text) > 20 for text in [*facts.outcomes.values(), facts.statement, facts.question, facts.source])
    assert facts.statement.endswith(".")
    assert facts.effects
    assert len({effect.name for effect in facts.effects}) == len(facts.effects)
    assert all(effect.meaning and effect.why for effect in facts.effects)


@pytest.mark.parametrize("name", claim_names())
def test_a_claim_keeps_to_what_is_promised(name):
    facts = claim_facts(name)
    assert len(set(facts.seeds)) == len(facts.seeds) >= 3
    assert 0 < facts.minutes <= 10
    assert 1 <= facts.threads <= 2


def test_unknown_claims():
    with pytest.raises(UsageError, match=r"There is no claim 'rnn-lstn'\. Did you mean 'rnn-lstm'\?"):
        claim_facts("rnn-lstn")
    with pytest.raises(UsageError, match="There is no claim"):
        claim("../evil")
    with pytest.raises(UsageError, match="`gyebo claim` lists them"):
        fingerprint("banana")


def test_claims_of_an_architecture():
    assert "lstm-gru" in claims_of("gru")
    assert claims_of("rnn") == ()


def test_fingerprint_follows_the_text_and_what_it_imports_beside_it(fake_claims):
    first = fingerprint("fake-claim")
    fake_claims.add(note="# another text")
    second = fingerprint("fake-claim")
    helper = fake_claims.folder / "shared.py"
    helper.write_text("ONE = 1\n")
    fake_claims.add(note="from gyebo.claims.shared import ONE")
    third = fingerprint("fake-claim")
    helper.write_text("ONE = 2\n")
    fake_claims.read_anew()
    fourth = fingerprint("fake-claim")
    (fake_claims.folder / "interface.py").write_text("")
    fake_claims.read_anew()
    assert len({first, second, third, fourth}) == 4
    assert fingerprint("fake-claim") == fourth
    fake_claims.add()
    assert fingerprint("fake-claim") == first


def test_a_file_named_after_another_claim(fake_claims):
    path = fake_claims.folder / "fake_claim.py"
    path.rename(path.with_name("other.py"))
    fake_claims.read_anew()
    with pytest.raises(AssertionError, match="the file is named after its claim"):
        catalogue.claim("other")


def test_every_verdict_has_its_korean_word():
    assert set(KOREAN) == set(get_args(Verdict))


@pytest.mark.parametrize("path", sorted(CLAIMS.glob("*.py")), ids=lambda path: path.stem)
def test_imports_among_claims_are_written_so_that_the_fingerprint_sees_them(path):
    text = path.read_text(encoding="utf-8")
    assert "from gyebo.claims import" not in text
    assert "import gyebo.claims" not in text
    assert "from gyebo import claims" not in text
