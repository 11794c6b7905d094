"""Language codes, as they stand in headers of tables and in endings of file names."""

from __future__ import annotations

from pathlib import Path

__all__ = ["LANGUAGE_CODES", "language_of_file"]

_TWO_LETTERS = """
    af ar az be bg bn bs ca cs cy da de el en eo es et eu fa fi fr ga gl gu he hi hr hu hy id is it ja ka kk km kn ko
    la lo lt lv mk ml mn mr ms mt my nb ne nl nn no pa pl ps pt ro ru si sk sl sq sr sv sw ta te tg th tl tr tt ug uk
    ur uz vi xh yi zh zu
"""
_THREE_LETTERS = """
    ara bel ben bul cat ces cmn dan deu ell eng est eus fas fin fra ger heb hin hrv hun hye ind isl ita jpn kat kaz kor
    lat lav lit mkd mon nld nob pol por ron rus slk slv spa sqi srp swe tam tel tha tur ukr urd uzb vie zho
"""

LANGUAGE_CODES = frozenset((_TWO_LETTERS + _THREE_LETTERS).split())
"""Codes of ISO 639 that are taken for a language without being told; others work where the user names them."""


def language_of_file(path: Path) -> str:
    """The language that the ending of a file name tells, as in train.de or val.ko.gz; "" where it tells none.

    >>> language_of_file(Path("corpus/train.de.gz")), language_of_file(Path("mine.txt"))
    ('de', '')
    """
    name = path.with_suffix("") if path.suffix.lower() == ".gz" else path
    ending = name.suffix.lower().removeprefix(".")
    return ending if ending in LANGUAGE_CODES else ""
