"""The report: one page that stands alone and shows every text as it is."""

import json
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gyebo.views.figure import Figure
from gyebo.views.page import clean
from gyebo.views.report import Example, Examples, Facts, Figures, Picture, Table, Text, report

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)> \"'&"
VOID = {"meta", "img", "link", "br", "hr", "input"}


def figure(name: str, text: str) -> Figure:
    spec = {"data": {"values": [{}]}, "mark": "text", "encoding": {"text": {"value": text}}, "title": text, "width": 50}
    return Figure(name, text, text, {"text": text}, spec)


class Page(HTMLParser):
    """The page as a browser reads it: elements with their attributes, and the text of each kind of element."""

    def __init__(self, page: str):
        super().__init__()
        self.elements, self.texts, self.open = [], {}, []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
            self.texts.setdefault(tag, []).append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, "an element is closed that is not open"

    def handle_data(self, data):
        if self.open:
            self.texts[self.open[-1]][-1] += data

    def tags(self, name):
        return [attributes for tag, attributes in self.elements if tag == name]


def everything(text: str) -> str:
    return report(
        text,
        [
            Text(text, [text]),
            Facts(text, {text: text, "number": 0.5}),
            Table(text, [text, "n"], [[text, 1]]),
            Examples(text, [Example(text, text, text, False)], source_language="ko", target_language="en"),
        ],
    )


def test_a_picture_stands_in_its_cell_with_its_words():
    page = Page(report("mistakes", [Table("Mistakes", ["picture", "p"], [[Picture("aGk=", EVIL), "1.00 %"]])]))
    assert page.tags("img") == [{"class": "picture", "src": "data:image/png;base64,aGk=", "alt": EVIL}]
    assert [cell.get("class") for cell in page.tags("td")] == [None, "number"]


def test_the_whole_page_is_well_formed_and_stands_alone():
    page = Page(report("dates — bahdanau", [Figures("Inside", [figure("a", "가"), figure("b", "나")]), Text("End", ["."])]))
    assert page.open == []
    assert page.tags("html") == [{"lang": "en"}]
    assert page.texts["title"] == page.texts["h1"] == ["dates — bahdanau"]
    assert page.texts["h2"] == ["Inside", "End"]
    addresses = [value for _, found in page.elements for name, value in found.items() if name in ("src", "href")]
    assert all(address.startswith(("data:", "#")) for address in addresses)
    assert not page.tags("link")
    assert "connect-src" not in page.tags("meta")[1]["content"]
    assert page.tags("meta")[1]["content"].startswith("default-src 'none'")


def test_the_drawing_libraries_stand_in_the_page_once_and_only_with_figures():
    two = report("t", [Figures("f", [figure("a", "가")]), Figures("g", [figure("b", "나")])])
    assert two.count("window.vegaEmbed=") == 1
    assert len(report("t", [Figures("f", []), Text("a", ["b"])])) < 20_000


def test_every_figure_has_words_its_own_place_and_its_specification():
    figures = [figure("a", "가"), figure("b", EVIL)]
    page = Page(report("t", [Figures("f", figures)]))
    drawings = [found for found in page.tags("div") if "data-figure" in found]
    scripts = [found for found in page.tags("script") if found.get("type") == "application/json"]
    assert [found["data-figure"] for found in drawings] == [found["id"] for found in scripts] == ["figure-1", "figure-2"]
    assert [found["aria-label"] for found in drawings] == [f"{one.title}. {one.caption}" for one in figures]
    assert [found["alt"] for found in page.tags("img")] == [f"{one.title}. {one.caption}" for one in figures]
    assert page.texts["figcaption"] == ["가", EVIL]
    assert [json.loads(text) for text in page.texts["script"][:2]] == [one.spec for one in figures]


def test_markup_in_any_text_stays_text():
    page = Page(everything(EVIL))
    assert not page.tags("script")
    assert not page.tags("img")
    assert page.open == []
    for place in ("title", "h1", "dt", "caption"):
        assert EVIL in page.texts[place], place
    assert page.texts["h2"] == [EVIL] * 4
    assert page.texts["td"][:1] == [EVIL]

    drawn = Page(report(EVIL, [Figures(EVIL, [figure("a", EVIL)])]))
    assert len(drawn.tags("script")) == 3  # the specification, the libraries, the lines that draw
    assert len(drawn.tags("img")) == 1  # the still picture
    assert drawn.open == []


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(), max_size=30))
def test_any_text_arrives_as_it_was_written(text):
    shown = clean(text).replace("\r\n", "\n").replace("\r", "\n")
    page = everything(text)
    page.encode()
    read = Page(page)
    assert read.open == []
    assert {tag for tag, _ in read.elements} == {tag for tag, _ in Page(everything("a")).elements}
    assert read.texts["h1"][0].replace("\r\n", "\n").replace("\r", "\n") == shown
    assert read.texts["dt"][0].replace("\r\n", "\n").replace("\r", "\n") == shown


def test_languages_marks_and_captions():
    page = Page(
        report(
            "t",
            [
                Examples(
                    "e",
                    [Example("가", "a", "a", True), Example("나", "b", "c", False), Example("다", "d", "e")],
                    "ko",
                    "en",
                )
            ],
        )
    )
    assert [found.get("lang") for found in page.tags("td")] == ["ko", "en", "en", None] * 3
    assert page.texts["th"] == ["source", "prediction", "reference", "right"]
    assert [found["aria-label"] for found in page.tags("span")] == ["right", "wrong"]
    assert page.texts["caption"] == ["e"]
    assert [found["scope"] for found in page.tags("th")] == ["col"] * 4


def test_where_nobody_can_say_what_is_right_there_is_no_column_for_it():
    page = Page(report("t", [Examples("e", [Example("a", "b", "c")], columns=("beginning", "continuation", "<rest>"))]))
    assert page.texts["th"] == ["beginning", "continuation", "<rest>"]
    assert page.texts["td"] == ["a", "b", "c"]


def test_a_table_and_its_figures_stand_under_one_heading():
    page = Page(report("t", [Table("scores", ["n"], [[1]], [figure("a", "가")]), Figures("more", [figure("b", "나")])]))
    assert page.texts["h2"] == ["scores", "more"]
    assert [found["data-figure"] for found in page.tags("div") if "data-figure" in found] == ["figure-1", "figure-2"]
    alone = report("t", [Table("scores", ["n"], [[1]], [figure("a", "가")])])
    assert alone.count("window.vegaEmbed=") == 1


def test_numbers_that_are_written_already_stand_on_the_right_too():
    rows = [["99.90 %", "38.64", "4-7", "1,014", "v2", True], ["5.00 %", "-0.5", "8", None, "1.0", False]]
    page = Page(report("t", [Table("a", list("abcdef"), rows)]))
    assert [found.get("class") for found in page.tags("th")] == ["number", "number", None, "number", None, None]


def test_numbers_stand_on_the_right_and_read_well():
    page = Page(report("t", [Table("a", ["name", "n", "share"], [["x", 1234567, 0.99412], ["y", None, 12345.678]])]))
    assert [found.get("class") for found in page.tags("th")] == [None, "number", "number"]
    assert page.texts["td"] == ["x", "1,234,567", "0.9941", "y", "–", "12,345.7"]


def test_a_short_row_is_refused():
    with pytest.raises(ValueError, match="Row 2 of table 'scores' has 1 cells, but there are 2 columns"):
        Table("scores", ["a", "b"], [[1, 2], [3]])


def test_contents_lead_to_the_sections():
    page = Page(report("t", [Text("One", ["a"]), Text("Two", ["b"])]))
    assert [found["href"][1:] for found in page.tags("a")] == [found["id"] for found in page.tags("h2")]


def test_a_report_without_sections_is_still_a_page():
    assert Page(report("empty", [])).texts["h1"] == ["empty"]
