"""The pages: those of docs/ are fresh, links lead somewhere, and nothing but the table of words differs between the languages."""

from __future__ import annotations

import re
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import pytest

from gyebo.genealogy import architecture_names
from gyebo.tree.pages import pages
from gyebo.tree.words import LANGUAGES

DOCS = Path(__file__).parents[2] / "docs"
written = cache(pages)


@pytest.mark.parametrize("name", written())
def test_committed_pages_are_fresh(name):
    """`make genealogy` remakes them."""
    assert (DOCS / name).read_text(encoding="utf-8") == written()[name], f"docs/{name} is stale: run `make genealogy`"


class Anchors(HTMLParser):
    """The ids of a page, and where its links lead."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.ids += [given["id"] or ""] if "id" in given else []
        self.links += [given["href"] or ""] if tag == "a" else []


@pytest.mark.parametrize("suffix", [language.suffix for language in LANGUAGES])
def test_html_stands_alone_and_every_box_leads_to_its_section(suffix):
    text = written()[f"genealogy{suffix}.html"]
    page = Anchors(text)
    assert len(set(page.ids)) == len(page.ids)
    assert {*architecture_names()} <= {*page.ids}
    for link in page.links:
        if link.startswith("#"):
            assert link[1:] in page.ids
        elif link.startswith("../"):
            assert (DOCS / link).resolve().is_file()
    assert not re.findall(r'<(?:script|link|img)\b|src="|@import|url\(', text)


@pytest.mark.parametrize("suffix", [language.suffix for language in LANGUAGES])
def test_markdown_has_a_section_for_every_architecture(suffix):
    text = written()[f"genealogy{suffix}.md"]
    sections = re.findall(r"^##+ (.+)$", text, re.M)
    assert sorted(sections) == sorted(architecture_names())
    for label, link in re.findall(r"\[([^\]]+)\]\(([^)]+)\)", text):
        if link.startswith("#"):
            assert link[1:] in sections, label
        elif link.startswith("../"):
            assert (DOCS / link).resolve().is_file(), link


def test_both_languages_say_the_same_of_each_number():
    """Commands and what they reached, in the same order."""
    rows = [re.findall(r"^\| (`gyebo train .+)$", written()[f"genealogy{language.suffix}.md"], re.M) for language in LANGUAGES]
    assert rows[0] == rows[1] != []


def test_metrics_are_named_as_a_person_does():
    for language in LANGUAGES:
        rows = re.findall(r"^\| `gyebo train .+$", written()[f"genealogy{language.suffix}.md"], re.M)
        assert any(" | BLEU 15.07 | " in row for row in rows)
        assert any(" | exact match 100.00 % | " in row for row in rows)


def test_every_page_is_in_one_language():
    """A screen reader reads it in the language that the page itself says, and thresholds are told in it too."""
    for language in LANGUAGES:
        assert f'<html lang="{language.code}">' in written()[f"genealogy{language.suffix}.html"]
    english, korean = (written()[f"genealogy{language.suffix}.md"] for language in LANGUAGES)
    assert "at least" in english
    assert "at least" not in korean
    assert english.count("at least ") == korean.count(" 이상)") + korean.count(" 이상;")


def test_the_drawing_beside_markdown_leads_to_the_page():
    for language in LANGUAGES:
        links = Anchors(written()[f"genealogy{language.suffix}.svg"]).links
        assert sorted(links) == sorted(f"genealogy{language.suffix}.html#{name}" for name in architecture_names())
