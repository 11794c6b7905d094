"""Who descends from whom, and which claim belongs to which edge."""

from __future__ import annotations

import subprocess
import sys

import pytest
from saplings import claim, entry

from gyebo.genealogy import architecture_names, facts
from gyebo.tree.members import family_tree, plant


def test_every_architecture_has_its_place():
    tree = family_tree()
    assert [*tree] == [*architecture_names()]
    for name, member in tree.items():
        named = [parent for parent in facts(name).parents if parent in tree]
        assert [edge.parent for edge in member.edges][: len(named)] == named or facts(name).variant_of
        assert all(name in tree[edge.parent].children for edge in member.edges)


def test_several_parents_each_have_an_edge_with_its_own_claim():
    tree = plant(
        [entry("a", 1990), entry("b", 1991), entry("c", 1992, {"a": "slow", "b": "large"})], [claim("b", "c", "does not hold")]
    )
    assert [(edge.parent, edge.fixes, edge.verdict) for edge in tree["c"].edges] == [
        ("a", "slow", "not run"),
        ("b", "large", "does not hold"),
    ]
    assert tree["a"].children == tree["b"].children == ("c",)


def test_a_claim_between_two_that_name_no_descent_is_an_edge():
    tree = plant([entry("a", 1990), entry("b", 1991)], [claim("a", "b", "undecided")])
    (edge,) = tree["b"].edges
    assert (edge.parent, edge.fixes, edge.verdict) == ("a", "b beats a", "undecided")


def test_claims_about_a_part_or_a_variant_are_no_edges():
    tree = plant(
        [entry("a", 1990), entry("a-small", 1991, variant_of="a")],
        [claim("a", "a", name="a-heads"), claim("a", "a-small")],
    )
    assert tree["a"].edges == tree["a-small"].edges == ()
    assert [part.name for part in tree["a"].parts] == ["a-heads"]
    assert [part.name for part in tree["a-small"].parts] == ["a-a-small"]
    assert tree["a"].variants == ("a-small",)


def test_two_claims_on_one_edge_keep_the_second_as_a_part():
    tree = plant([entry("a", 1990), entry("b", 1991, {"a": "slow"})], [claim("a", "b"), claim("a", "b", name="a-b-again")])
    assert tree["b"].edges[0].outcome == claim("a", "b")
    assert [part.name for part in tree["b"].parts] == ["a-b-again"]


def test_what_is_not_in_the_catalogue_is_left_out():
    tree = plant([entry("b", 1991, {"unborn": "slow"})], [claim("unborn", "b")])
    assert (tree["b"].edges, tree["b"].parts) == ((), ())


@pytest.mark.parametrize("module", ["members", "pages"])
def test_the_tree_needs_no_torch(module):
    program = f"import sys; import gyebo.tree.{module} as tree; getattr(tree, 'family_tree')(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
