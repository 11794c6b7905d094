"""The tree as one SVG: boxes that are links, lines that tell their verdicts, and a text under the pointer for both.

A verdict is told three times over, by colour, by the dashes of the line and by a sign with its word, so that it can be read in print
and by colour-blind eyes.  Identifiers are names and coordinates are whole numbers: a change of the tree is a small change of the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from gyebo.tree.layout import Box, Layout, Line, Place, arrange
from gyebo.tree.measure import shortened, text_width, wrapped
from gyebo.tree.members import Edge, Member
from gyebo.tree.outcomes import NOT_RUN
from gyebo.tree.words import Language
from gyebo.views.page import escape
from gyebo.views.theme import FONT, INK

__all__ = ["draw"]

QUIET, RULE, SHADE, PAPER = "#59636e", "#c9d1d9", "#f6f8fa", "#ffffff"

BOX_WIDTH, BOX_HEIGHT, INSIDE = 216, 68, 12
VARIANT_WIDTH, VARIANT_HEIGHT, VARIANT_GAP = 160, 20, 4
BESIDE = 18
EDGE, LEFT, RIGHT, TOP, BOTTOM = 20, 76, 28, 60, 18
APPROACH, HEAD = 44, 9
NAME, TEXT, SMALL = 14, 11.5, 10.5


@dataclass(frozen=True)
class Mark:
    """How a verdict looks."""

    colour: str
    dashes: str
    sign: str
    """a path in a square from (-4, -4) to (4, 4)"""


MARKS = {
    "holds": Mark("#00734f", "", "M-3.6 .4 -1 3 3.8 -3"),
    "does not hold": Mark("#b34700", "9 4", "M-3 -3 3 3M3 -3 -3 3"),
    "undecided": Mark("#0072b2", "9 3 2 3", "M-2.2 -1.7A2.2 2.2 0 1 1 .8 .2Q0 .6 0 1.5M0 3.7V3.8"),
    "not run": Mark("#6e7781", "2 4", "M-3 0A3 3 0 1 0 3 0A3 3 0 1 0 -3 0"),
}

Anchor = Callable[[str], str]


def draw(tree: Mapping[str, Member], language: Language, anchor: Anchor) -> str:
    """The drawing.  anchor: name of an architecture -> the address that its box leads to."""
    roots = [member for member in tree.values() if member.facts.variant_of not in tree]
    edges = {(_trunk(edge.parent, tree), edge.child): edge for member in roots for edge in reversed(member.edges)}
    layout = arrange([_box(member) for member in roots], edges, approach=APPROACH)
    width = max(LEFT + layout.width + RIGHT, 720)
    height = TOP + layout.height + BOTTOM
    shift = LEFT + max(0, (width - LEFT - RIGHT - layout.width) // 2)
    into = {name: sum(line.child == name for line in layout.lines) for name in tree}
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
        f' class="genealogy" role="img" aria-labelledby="genealogy-title genealogy-summary" lang="{language.code}">',
        f'<title id="genealogy-title">{escape(language.heading)}</title>',
        f'<desc id="genealogy-summary">{escape(language.summary)}</desc>',
        f"<style>\n{_style()}</style>",
        f'<rect width="{width}" height="{height}" fill="{PAPER}"/>',
        *_years(layout, width),
        *_legend(language),
        f'<g transform="translate({shift} {TOP})">',
        *(text for line in layout.lines for text in _edge(line, edges[line.parent, line.child], language, into[line.child])),
        *(text for member in roots for text in _node(member, layout.places[member.name], tree, language, anchor)),
        "</g>",
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _trunk(name: str, tree: Mapping[str, Member]) -> str:
    """The architecture in whose box a line begins: a variant has none of its own."""
    return tree[name].facts.variant_of if tree[name].facts.variant_of in tree else name


def _box(member: Member) -> Box:
    number = len(member.variants)
    stack = number * (VARIANT_HEIGHT + VARIANT_GAP) - VARIANT_GAP if number else 0
    return Box(
        member.name,
        member.facts.year,
        BOX_WIDTH,
        max(BOX_HEIGHT, stack),
        BESIDE + VARIANT_WIDTH if number else 0,
    )


def _style() -> str:
    rules = {
        "text": f"font-family: {FONT}; fill: {INK};",
        ".year": f"font-size: 13px; fill: {QUIET};",
        ".name": f"font-size: {NAME}px; font-weight: 600;",
        ".date": f"font-size: {SMALL}px; fill: {QUIET};",
        ".line": f"font-size: {TEXT}px; fill: {QUIET};",
        ".small": f"font-size: {SMALL}px;",
        ".box": f"fill: {PAPER}; stroke: {INK}; stroke-width: 1.2;",
        ".variant .box": f"stroke: {RULE};",
        ".tie": f"fill: none; stroke: {RULE};",
        "a:hover .box, a:focus .box": "fill: #eef5fb; stroke: #0072b2; stroke-width: 2;",
        ".curve, .sign": "fill: none; stroke: currentColor; stroke-width: 1.7;",
        ".edge:hover .curve": "stroke-width: 3.4;",
        ".reach": "fill: none; stroke: transparent; stroke-width: 14;",
        ".chip": f"fill: {PAPER}; stroke: currentColor;",
        ".sign": "stroke-linecap: round; stroke-linejoin: round;",
        ".head": "fill: currentColor;",
        ".verdict": f"font-size: {SMALL}px; font-weight: 600; fill: currentColor;",
    }
    for verdict, mark in MARKS.items():
        rules[f".{_class(verdict)}"] = f"color: {mark.colour};"
        if mark.dashes:
            rules[f".{_class(verdict)} .curve"] = f"stroke-dasharray: {mark.dashes};"
    return "".join(f"{_within(selector)} {{ {rule} }}\n" for selector, rule in rules.items())


def _within(selectors: str) -> str:
    """Selectors that reach no further than the drawing, which may stand in a page with a style of its own."""
    return ", ".join(f".genealogy {selector}" for selector in selectors.split(", "))


def _class(verdict: str) -> str:
    return verdict.replace(" ", "-")


def _years(layout: Layout, width: int) -> Iterator[str]:
    """Bands, every second one shaded, with the year at the left."""
    for number, (year, (top, bottom)) in enumerate(layout.years.items()):
        if number % 2 == 0:
            below = BOTTOM if bottom == layout.height else 0
            yield f'<rect y="{TOP + top}" width="{width}" height="{bottom - top + below}" fill="{SHADE}"/>'
        yield f'<text class="year" x="{EDGE}" y="{TOP + top + 24}">{year}</text>'


def _legend(language: Language) -> Iterator[str]:
    """One sample a verdict, and one of a variant, from left to right."""
    x = EDGE
    for verdict in MARKS:
        word = language.verdicts[verdict]
        yield f'<g class="{_class(verdict)}" transform="translate({x} {TOP // 2})"><path class="curve" d="M0 0H62"/>{_chip(31, 0, verdict)}'
        yield f'<text class="small" x="70" y="4">{escape(word)}</text></g>'
        x += 70 + round(text_width(word, SMALL)) + 26
    yield f'<g class="variant" transform="translate({x} {TOP // 2})"><rect class="box" y="-8" width="30" height="16" rx="8"/>'
    yield f'<text class="small" x="40" y="4">{escape(language.labels["variant"])}</text></g>'


def _edge(line: Line, edge: Edge, language: Language, siblings: int) -> Iterator[str]:
    """A curve between two rows, straight through each row on the way, and straight where its chip stands."""
    word = language.verdicts[edge.verdict]
    fits = _chip_width(word) + 4 <= BOX_WIDTH / siblings
    curve = _curve(line)
    x, y = line.points[-1]
    yield f'<g class="edge {_class(edge.verdict)}" id="edge-{edge.parent}-{edge.child}">'
    yield f"<title>{escape(_told(edge, language))}</title>"
    yield f'<path class="reach" d="{curve}"/><path class="curve" d="{curve}"/>'
    yield f'<path class="head" d="M{x} {y}l-5 -{HEAD}h10z"/>{_chip(x, y - 24, edge.verdict, word if fits else "")}</g>'


def _curve(line: Line) -> str:
    """Down from the box, a bend between two rows, down through the next one, and so on; it ends inside the arrow's head."""
    (x, y), *ways = line.points
    path = [f"M{x} {y}"]
    for (from_x, from_y), (to_x, to_y) in zip(ways[::2], ways[1::2], strict=True):
        low = to_y - APPROACH
        middle = (from_y + low) // 2
        path.append(f"V{from_y}")
        if from_x != to_x:
            path.append(f"C{from_x} {middle} {to_x} {middle} {to_x} {low}")
    return "".join([*path, f"V{line.points[-1][1] - HEAD // 2}"])


def _told(edge: Edge, language: Language) -> str:
    """What stands under the pointer: from whom to whom, the verdict, what is fixed, and the numbers that decided."""
    effects = edge.outcome.effects if edge.outcome and edge.verdict != NOT_RUN else ()
    return "\n".join(
        [f"{edge.parent} → {edge.child}: {language.verdicts[edge.verdict]}", language.fixes(edge), *map(language.effect, effects)]
    )


def _chip(x: int, y: int, verdict: str, word: str = "") -> str:
    """The sign of a verdict in a circle, or in a lozenge with its word."""
    width = _chip_width(word) if word else 18
    left = x - width // 2
    text = f'<text class="verdict" x="{left + 22}" y="{y + 4}">{escape(word)}</text>' if word else ""
    return (
        f'<rect class="chip" x="{left}" y="{y - 9}" width="{width}" height="18" rx="9"/>'
        f'<path class="sign" transform="translate({left + 9 if not word else left + 12} {y})" d="{MARKS[verdict].sign}"/>{text}'
    )


def _chip_width(word: str) -> int:
    return 30 + round(text_width(word, SMALL, bold=True))


def _node(member: Member, place: Place, tree: Mapping[str, Member], language: Language, anchor: Anchor) -> Iterator[str]:
    """A box with name, year and a line of text, and the variants on a tie to its right."""
    right = BOX_WIDTH - INSIDE
    yield f'<g transform="translate({place.x} {place.y})">'
    if member.variants:
        yield from _variants([tree[name] for name in member.variants], language, anchor)
    yield f'<a href="{escape(anchor(member.name))}" id="box-{member.name}"><title>{escape(_described(member, language))}</title>'
    yield f'<rect class="box" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="7"/>'
    yield f'<text class="name" x="{INSIDE}" y="24">{escape(shortened(member.name, right - INSIDE - 34, NAME))}</text>'
    yield f'<text class="date" x="{right}" y="24" text-anchor="end">{member.facts.year}</text>'
    for number, line in enumerate(box_lines(language.line(member))):
        yield f'<text class="line" x="{INSIDE}" y="{42 + 15 * number}">{escape(line)}</text>'
    yield "</a></g>"


def box_lines(text: str) -> list[str]:
    """The text of a box in its two lines.

    >>> box_lines("gates decide what to keep")
    ['gates decide what to keep']
    """
    first, *others = wrapped(text, BOX_WIDTH - 2 * INSIDE, TEXT)
    return [shortened(line, BOX_WIDTH - 2 * INSIDE, TEXT) for line in ([first, " ".join(others)] if others else [first])]


def _variants(variants: Sequence[Member], language: Language, anchor: Anchor) -> Iterator[str]:
    step = VARIANT_HEIGHT + VARIANT_GAP
    middle = BOX_HEIGHT // 2
    for number, variant in enumerate(variants):
        y = number * step
        tie = f"M{BOX_WIDTH} {middle}H{BOX_WIDTH + BESIDE // 2}V{y + VARIANT_HEIGHT // 2}H{BOX_WIDTH + BESIDE}"
        yield f'<path class="tie" d="{tie}"/>'
        yield f'<a class="variant" href="{escape(anchor(variant.name))}" id="box-{variant.name}">'
        yield f"<title>{escape(_described(variant, language))}</title>"
        yield f'<rect class="box" x="{BOX_WIDTH + BESIDE}" y="{y}" width="{VARIANT_WIDTH}" height="{VARIANT_HEIGHT}" rx="10"/>'
        name = shortened(variant.name.removeprefix(f"{variant.facts.variant_of}-"), VARIANT_WIDTH - 56, SMALL)
        yield f'<text class="small" x="{BOX_WIDTH + BESIDE + 10}" y="{y + 14}">{escape(name)}</text>'
        x = BOX_WIDTH + BESIDE + VARIANT_WIDTH - 10
        yield f'<text class="date" x="{x}" y="{y + 14}" text-anchor="end">{variant.facts.year}</text></a>'


def _described(member: Member, language: Language) -> str:
    return f"{member.name} ({member.facts.year}): {language.title(member)}\n{member.facts.paper}"
