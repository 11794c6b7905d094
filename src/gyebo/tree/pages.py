"""The pages of the tree: Markdown beside the drawing, and HTML with the drawing in it, in each language.

A page is a list of entries, one an architecture; an entry is facts, each a label and pieces of text that may be links, and a table.
Markdown and HTML are two ways to write the same entries.  Pages are made from the catalogue, the recipes and the verdicts that gyebo
ships, and from nothing else, so they are the same on every machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from gyebo.tasks.metric_wording import metric_phrase
from gyebo.tree.drawing import draw
from gyebo.tree.members import Edge, Member, family_tree
from gyebo.tree.outcomes import NOT_RUN, Outcome
from gyebo.tree.recipes import Training, trainings
from gyebo.tree.words import LANGUAGES, Language
from gyebo.views.page import complete, escape

__all__ = ["pages"]

SOURCES = "../src/gyebo"
"""where the architectures are, as seen from docs/"""


@dataclass(frozen=True)
class Piece:
    """A stretch of text; it leads to `link` where there is one."""

    text: str
    link: str = ""


@dataclass(frozen=True)
class Fact:
    label: str
    pieces: tuple[Piece, ...]


@dataclass(frozen=True)
class Table:
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Entry:
    """What a page says of one architecture; variants stand a level deeper."""

    name: str
    level: int
    title: str
    facts: tuple[Fact, ...]
    trainings: Table | str


def pages() -> dict[str, str]:
    """File name -> text: for each language the drawing, the Markdown page and the HTML page."""
    tree = family_tree()
    files = {}
    for language in LANGUAGES:
        name = f"genealogy{language.suffix}"
        entries = [_entry(member, tree, language) for member in _reading_order(tree)]
        files[f"{name}.svg"] = draw(tree, language, lambda name, page=f"{name}.html": f"{page}#{name}")
        files[f"{name}.md"] = _markdown(entries, language)
        files[f"{name}.html"] = _html(entries, draw(tree, language, "#{}".format), language)
    return files


def _reading_order(tree: Mapping[str, Member]) -> Iterator[Member]:
    """Oldest first, each with its variants behind it."""
    for member in tree.values():
        if member.facts.variant_of not in tree:
            yield member
            yield from (tree[name] for name in member.variants)


def _entry(member: Member, tree: Mapping[str, Member], language: Language) -> Entry:
    facts, labels = member.facts, language.labels
    here = lambda name: Piece(name, f"#{name}")  # noqa: E731
    path = f"models/{facts.family}/{facts.name.replace('-', '_')}.py"
    told = [
        Fact(labels["paper"], (Piece(facts.paper, facts.link),)),
        Fact(labels["variant_of"], (here(facts.variant_of),) if facts.variant_of in tree else ()),
        *(Fact(labels["descends"], _descent(edge, language)) for edge in member.edges),
        *(Fact(labels["part"], (*_claim(claim, language), Piece(f" · {language.statement(claim)}"))) for claim in member.parts),
        Fact(labels["children"], _listed([here(name) for name in member.children])),
        Fact(labels["variants"], _listed([here(name) for name in member.variants])),
        Fact(labels["file"], (Piece(path, f"{SOURCES}/{path}"),)),
    ]
    return Entry(
        name=member.name,
        level=3 if facts.variant_of in tree else 2,
        title=f"{language.title(member)} ({facts.year})",
        facts=tuple(fact for fact in told if fact.pieces),
        trainings=_trainings(trainings(member.name), language),
    )


def _listed(pieces: Sequence[Piece]) -> tuple[Piece, ...]:
    return tuple(part for piece in pieces for part in (Piece(", "), piece))[1:]


def _descent(edge: Edge, language: Language) -> tuple[Piece, ...]:
    """bahdanau: what is fixed · verdict, with its numbers."""
    told = _claim(edge.outcome, language) if edge.outcome else (Piece(language.verdicts[NOT_RUN]),)
    return (Piece(edge.parent, f"#{edge.parent}"), Piece(f": {language.fixes(edge)} · "), *told)


def _claim(claim: Outcome, language: Language) -> tuple[Piece, ...]:
    numbers = "; ".join(map(language.effect, claim.effects)) if claim.verdict != NOT_RUN else ""
    return (
        Piece(claim.name, f"claims.md#{claim.name}"),
        Piece(f": {language.verdicts[claim.verdict]}{numbers and f' ({numbers})'}"),
    )


def _trainings(found: Sequence[Training], language: Language) -> Table | str:
    promised = [training for training in found if training.data]
    if not promised:
        return language.labels["untrained"]
    columns = tuple(language.labels[label] for label in ("command", "result", "minutes", "memory", "machine"))
    return Table(columns, tuple(_training(training) for training in promised))


def _training(training: Training) -> tuple[str, ...]:
    number = lambda value, unit="": "" if value is None else f"{value:g}{unit}"  # noqa: E731
    reached = "" if training.reached is None else metric_phrase(training.metric, training.reached)
    return training.command, reached, number(training.minutes), number(training.memory_gib, " GiB"), training.machine


def _other(language: Language) -> Language:
    return next(other for other in LANGUAGES if other is not language)


def _markdown(entries: Sequence[Entry], language: Language) -> str:
    name = f"genealogy{language.suffix}"
    parts = [
        f"# {language.heading}",
        f"[{language.to_other}](genealogy{_other(language).suffix}.md)",
        f"{language.summary} {language.reading}",
        language.made_by,
        f"[![{language.heading}]({name}.svg)]({name}.svg)",
        *(part for entry in entries for part in _markdown_entry(entry)),
    ]
    return "\n\n".join(parts) + "\n"


def _markdown_entry(entry: Entry) -> Iterator[str]:
    yield f"{'#' * entry.level} {entry.name}"
    yield f"**{_plain(entry.title)}**"
    yield "\n".join(f"- {fact.label}: {''.join(map(_markdown_piece, fact.pieces))}" for fact in entry.facts)
    if isinstance(entry.trainings, str):
        yield entry.trainings
        return
    rows = [(f"`{command}`", *map(_plain, rest)) for command, *rest in entry.trainings.rows]
    lines = [entry.trainings.columns, ("---",) * len(entry.trainings.columns), *rows]
    yield "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _markdown_piece(piece: Piece) -> str:
    return f"[{_plain(piece.text)}]({piece.link})" if piece.link else _plain(piece.text)


def _plain(text: str) -> str:
    """Text in which Markdown finds no marks.

    >>> _plain("local_p [0.5, 1] * 2")
    'local\\\\_p \\\\[0.5, 1\\\\] \\\\* 2'
    """
    for mark in "\\`*_[]<>|":
        text = text.replace(mark, f"\\{mark}")
    return text


def _html(entries: Sequence[Entry], drawing: str, language: Language) -> str:
    other = _other(language)
    parts = [
        f"<h1>{escape(language.heading)}</h1>",
        f'<p><a href="genealogy{other.suffix}.html" lang="{other.code}">{escape(language.to_other)}</a></p>',
        f"<p>{escape(language.summary)} {escape(language.reading)}</p>",
        f'<figure><div class="scroll">\n{drawing}</div></figure>',
        *(_html_entry(entry) for entry in entries),
        f"<p>{escape(language.made_by)}</p>",
    ]
    return complete(language.heading, "\n".join(parts), language=language.code)


def _html_entry(entry: Entry) -> str:
    level = f"h{entry.level}"
    facts = "".join(f"<li>{escape(fact.label)}: {''.join(map(_html_piece, fact.pieces))}</li>\n" for fact in entry.facts)
    return (
        f'<section id="{escape(entry.name)}">\n<{level}>{escape(entry.name)}</{level}>\n'
        f"<p><strong>{escape(entry.title)}</strong></p>\n<ul>\n{facts}</ul>\n{_html_table(entry.trainings)}\n</section>"
    )


def _html_piece(piece: Piece) -> str:
    return f'<a href="{escape(piece.link)}">{escape(piece.text)}</a>' if piece.link else escape(piece.text)


def _html_table(table: Table | str) -> str:
    if isinstance(table, str):
        return f"<p>{escape(table)}</p>"
    head = "".join(f"<th>{escape(column)}</th>" for column in table.columns)
    rows = "\n".join(
        f"<tr><td><code>{escape(command)}</code></td>{''.join(f'<td>{escape(cell)}</td>' for cell in rest)}</tr>"
        for command, *rest in table.rows
    )
    return f'<div class="scroll"><table>\n<tr>{head}</tr>\n{rows}\n</table></div>'
