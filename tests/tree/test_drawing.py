"""The SVG: well formed, a link and a text under the pointer for every box, and a verdict told by colour, dashes and word."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from saplings import claim, entry

from gyebo.tree.drawing import MARKS, draw
from gyebo.tree.members import family_tree, plant
from gyebo.tree.words import ENGLISH, LANGUAGES

SVG = "{http://www.w3.org/2000/svg}"
anchor = "#{}".format


def parsed(text: str) -> dict[str, ElementTree.Element]:
    """The elements that have an id."""
    return {item.attrib["id"]: item for item in ElementTree.fromstring(text).iter() if "id" in item.attrib}


def title(element: ElementTree.Element) -> str:
    return element.findtext(f"{SVG}title", "")


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.code)
def test_every_architecture_is_a_link_and_every_edge_tells_its_verdict(language):
    tree = family_tree()
    found = parsed(draw(tree, language, anchor))
    for name, member in tree.items():
        box = found[f"box-{name}"]
        assert (box.tag, box.attrib["href"]) == (f"{SVG}a", f"#{name}")
        assert language.title(member) in title(box)
        for edge in member.edges:
            told = title(found[f"edge-{edge.parent}-{name}"])
            assert language.fixes(edge) in told
            assert language.verdicts[edge.verdict] in told


@pytest.mark.parametrize("verdict", MARKS)
def test_a_verdict_is_a_class_a_word_and_numbers(verdict):
    tree = plant([entry("a", 1990), entry("b", 1991, {"a": "slow"})], [claim("a", "b", verdict)])
    edge = parsed(draw(tree, ENGLISH, anchor))["edge-a-b"]
    assert edge.attrib["class"] == f"edge {verdict.replace(' ', '-')}"
    assert verdict in [text.text for text in edge.iter(f"{SVG}text")]
    assert ("gain 2 [1.5, 2.5], at least 1" in title(edge)) == (verdict != "not run")


def test_marks_differ_in_colour_dashes_and_sign():
    for part in ("colour", "dashes", "sign"):
        assert len({getattr(mark, part) for mark in MARKS.values()}) == len(MARKS)


def test_many_parents_leave_room_for_signs_alone():
    parents = [entry(name, 1990) for name in "abcd"]
    tree = plant([*parents, entry("e", 1991, dict.fromkeys("abcd", "slow"))], [])
    found = parsed(draw(tree, ENGLISH, anchor))
    assert not [text for name in "abcd" for text in found[f"edge-{name}-e"].iter(f"{SVG}text")]


def test_a_child_of_a_variant_hangs_on_the_box_that_holds_the_variant():
    tree = plant([entry("a", 1990), entry("a-small", 1991, variant_of="a"), entry("b", 1992, {"a-small": "slow"})], [])
    assert "a-small → b" in title(parsed(draw(tree, ENGLISH, anchor))["edge-a-small-b"])


def test_texts_cannot_become_markup():
    name = "plain"
    tree = plant([entry(name, 1990, title="<script>&\"'")], [])
    box = parsed(draw(tree, ENGLISH, anchor))["box-plain"]
    assert "<script>&\"'" in title(box)
    assert "<script" not in draw(tree, ENGLISH, anchor)


def test_coordinates_are_whole_numbers_and_the_drawing_is_the_same_again():
    tree = family_tree()
    found = parsed(draw(tree, ENGLISH, anchor))
    curves = [path.attrib["d"] for key, edge in found.items() if key.startswith("edge-") for path in edge.iter(f"{SVG}path")]
    assert not [curve for curve in curves if "." in curve and curve not in {mark.sign for mark in MARKS.values()}]
    assert draw(tree, ENGLISH, anchor) == draw(family_tree(), ENGLISH, anchor)
