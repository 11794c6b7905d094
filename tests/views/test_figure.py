"""One figure definition and the files written from it."""

import json
import struct
from html.parser import HTMLParser

import pytest

from gyebo.errors import DiskError, UsageError
from gyebo.views.figure import Figure

TEXT_SPEC = {
    "data": {"values": [{}]},
    "mark": {"type": "text", "fontSize": 40},
    "width": 120,
    "height": 60,
    "config": {"font": "Gyebo Gothic"},
}


def text_figure(text: str) -> Figure:
    spec = TEXT_SPEC | {"encoding": {"text": {"value": text}}}
    return Figure("word", "A word", "One word, drawn.", {"word": text}, spec)


def test_a_sentence_can_introduce_the_caption():
    figure = text_figure("a").introduced("Of run\x00x.")
    assert figure.caption == "Of run\x00x. One word, drawn."
    assert figure.spec["description"] == "Of run\ufffdx. One word, drawn."
    assert text_figure("a").spec.get("description") is None


class References(HTMLParser):
    """Every address that the page's markup points to."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        self.found += [value for name, value in attrs if name in ("src", "href", "srcset", "data", "action", "poster")]


def references(page: str) -> list[str]:
    parser = References()
    parser.feed(page)
    return parser.found


def test_png_has_its_size_and_grows_with_the_scale():
    for scale, width in [(1.0, 130), (2.0, 260)]:  # 120 pixels and Vega's own padding of 5 on each side
        png = text_figure("한글").to_png(scale)
        assert png[:8] == b"\x89PNG\r\n\x1a\n"
        assert struct.unpack(">I", png[16:20])[0] == width


@pytest.mark.parametrize(("one", "other"), [("한글", "한굴"), ("뷁뷁", "궯궯"), ("été", "ete"), ("ěšč", "esc"), ("␣", "_")])
def test_letters_are_drawn_and_not_boxes(one, other):
    """Letters that a font lacks are all the same box; these differ from each other and from the box."""
    box = text_figure("\ue000" * len(one)).to_png()
    drawn = [text_figure(text).to_png() for text in (one, other)]
    assert drawn[0] != drawn[1]
    assert box not in drawn


def test_json_round_trips():
    figure = text_figure("</script>한글\ud800")  # half of a surrogate pair, as broken input brings it
    text = figure.to_json()
    assert json.loads(text) == {
        "name": "word",
        "title": "A word",
        "caption": "One word, drawn.",
        "data": {"word": "</script>한글\ud800"},
        "spec": figure.spec,
    }
    assert "한글" in text
    text.encode()


def test_svg_keeps_letters_as_text_and_markup_as_letters():
    svg = text_figure("<script>한글&").to_svg()
    assert "&lt;script&gt;한글&amp;" in svg
    assert "<script" not in svg


def test_html_stands_alone():
    page = text_figure("한글").to_html()
    assert all(address.startswith("data:") for address in references(page))
    assert "default-src 'none'" in page
    assert page.count("window.vegaEmbed=") == 1
    assert '<html lang="en">' in page
    assert 'alt="A word. One word, drawn."' in page
    assert 'aria-label="A word. One word, drawn."' in page


@pytest.mark.parametrize(("suffix", "start"), [(".png", b"\x89PNG"), (".svg", b"<svg"), (".json", b"{"), (".html", b"<!DOC")])
def test_save_writes_the_format_of_the_suffix(tmp_path, suffix, start):
    text_figure("a").save(tmp_path / "new" / f"word{suffix}")
    assert (tmp_path / "new" / f"word{suffix}").read_bytes().startswith(start)
    assert [path.name for path in (tmp_path / "new").iterdir()] == [f"word{suffix}"]


def test_capital_suffix_is_the_same_format(tmp_path):
    text_figure("a").save(tmp_path / "word.PNG")
    assert (tmp_path / "word.PNG").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("word.pgn", "'.pgn' is none. Did you mean '.png'?"),
        ("word.docx", "Known are: .html, .json, .png, .svg."),
        ("word", "'no suffix' is none. Known are"),
    ],
)
def test_unknown_suffix_names_the_known_ones(tmp_path, name, message):
    with pytest.raises(UsageError) as caught:
        text_figure("a").save(tmp_path / name)
    assert message in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_refusing_disk_is_one_paragraph(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DiskError, match=r"word\.json"):
        text_figure("a").save(tmp_path / "file" / "word.json")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}, object()])
def test_values_that_json_cannot_write_are_refused(value):
    with pytest.raises(ValueError, match=r"Figure 'word' holds a value that JSON cannot write .* None instead of NaN"):
        Figure("word", "A word", "One.", {"value": value}, {})
