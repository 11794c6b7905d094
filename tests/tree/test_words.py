"""Every architecture has its words in both languages, and they fit its box."""

from __future__ import annotations

import pytest
from saplings import claim, entry

from gyebo.genealogy import architecture_names
from gyebo.tree.drawing import BOX_WIDTH, INSIDE, TEXT
from gyebo.tree.measure import wrapped
from gyebo.tree.members import family_tree, plant
from gyebo.tree.outcomes import PUBLISHED, outcomes
from gyebo.tree.words import ENGLISH, KOREAN, LANGUAGES, table


def is_korean(text: str) -> bool:
    return any("가" <= letter <= "힣" for letter in text)


@pytest.mark.parametrize("name", architecture_names())
def test_every_architecture_has_words_in_both_languages(name):
    """Add them to src/gyebo/tree/words.toml: a line for the box in both languages; title and fixes in Korean."""
    member = family_tree()[name]
    said = table().get(name, {})
    assert said.get("en", {}).get("line"), f"words.toml has no {name}.en.line"
    for text in (KOREAN.line(member), KOREAN.title(member), *map(KOREAN.fixes, member.edges)):
        assert is_korean(text), text
    for language in LANGUAGES:
        assert len(wrapped(language.line(member), BOX_WIDTH - 2 * INSIDE, TEXT)) <= 2, language.line(member)


@pytest.mark.parametrize("claim", outcomes(PUBLISHED), ids=lambda claim: claim.name)
def test_every_claim_has_its_statement_in_korean(claim):
    """Add `korean=` to the claim's file."""
    assert is_korean(KOREAN.statement(claim))


def test_the_table_names_only_what_there_is():
    tree = family_tree()
    assert [*table()] == [name for name in table() if name in tree]
    for name, said in table().items():
        assert {*said["ko"].get("fixes", {})} <= {edge.parent for edge in tree[name].edges}, name


def test_without_words_the_architecture_speaks_for_itself():
    tree = plant([entry("a", 1990), entry("b", 1991, {"a": "slow"}), entry("c", 1992)], [claim("b", "c")])
    for language in LANGUAGES:
        assert language.line(tree["a"]) == language.title(tree["a"]) == "the title of a"
        assert language.fixes(tree["b"].edges[0]) == "slow"
    assert (ENGLISH.fixes(tree["c"].edges[0]), KOREAN.fixes(tree["c"].edges[0])) == ("c beats b", "c 승")


def test_both_languages_have_the_same_labels():
    assert ENGLISH.labels.keys() == KOREAN.labels.keys()
    assert ENGLISH.verdicts.keys() == KOREAN.verdicts.keys()
