"""The words of the drawn tree in each language: those of the page, and the table of what is said of each architecture.

`words.toml` holds, for each architecture, the line in its box in every language, and what its English fields say in Korean.  What the
table does not say is told in the architecture's own English words, so a new architecture is on the pages at once; a test asks for it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from gyebo.tree.members import Edge, Member
from gyebo.tree.outcomes import EffectFound, Outcome

__all__ = ["LANGUAGES", "Language", "table"]

TABLE = Path(__file__).parent / "words.toml"


@cache
def table() -> dict[str, Any]:
    """The table: name of an architecture -> language -> words."""
    return tomllib.loads(TABLE.read_text(encoding="utf-8"))


@dataclass(frozen=True, kw_only=True)
class Language:
    """A language of the pages."""

    code: str
    name: str
    """its own name for itself"""
    suffix: str
    """what stands in file names before the ending"""
    heading: str
    summary: str
    reading: str
    """how to read the drawing"""
    made_by: str
    to_other: str
    verdicts: Mapping[str, str]
    threshold: str
    """how the threshold of an effect is told: a format of its number"""
    labels: Mapping[str, str] = field(default_factory=dict)
    """what stands before each fact, in this language"""

    def line(self, member: Member) -> str:
        """The line in a box: what the architecture does."""
        return self._said(member.name).get("line", self.title(member))

    def title(self, member: Member) -> str:
        return self._said(member.name).get("title", member.facts.title)

    def fixes(self, edge: Edge) -> str:
        """What the child fixes about the parent: as the table says it, else as the claim does, else as the architecture's file does."""
        own = self._said(edge.child).get("fixes", {}).get(edge.parent)
        if own is None and edge.outcome is not None and edge.fixes == edge.outcome.statement:
            return self.statement(edge.outcome)
        return own or edge.fixes

    def statement(self, claim: Outcome) -> str:
        """What a claim says; in English where its file has no words in this language."""
        return {"ko": claim.korean}.get(self.code) or claim.statement

    def effect(self, effect: EffectFound) -> str:
        """A number of a claim, beside its threshold."""
        return effect.beside(self.threshold)

    def _said(self, name: str) -> dict[str, Any]:
        return table().get(name, {}).get(self.code, {})


ENGLISH = Language(
    code="en",
    name="English",
    suffix="",
    heading="Genealogy",
    summary="Every architecture of gyebo, and what it fixes about those it descends from.",
    reading="Time runs downwards. A line leads from a parent to a child: the child fixes something about the parent. Where an"
    " experiment has tried that claim, the line tells its verdict; the rule of the verdict was fixed before the experiment was run.",
    made_by="Written by `gyebo list --pages docs`, which remakes it; nothing here is typed by hand.",
    to_other="이 문서를 한국어로",
    verdicts={name: name for name in ("holds", "does not hold", "undecided", "not run")},
    threshold="at least {:g}",
    labels={
        "variant": "variant",
        "variants": "Variants",
        "variant_of": "Variant of",
        "paper": "Paper",
        "descends": "Descends from",
        "part": "Tried on a part",
        "children": "Leads to",
        "file": "File",
        "command": "command",
        "result": "reached",
        "minutes": "minutes",
        "memory": "memory",
        "machine": "machine",
        "untrained": "No recipe of its own yet.",
    },
)
KOREAN = Language(
    code="ko",
    name="한국어",
    suffix=".ko",
    heading="신경망의 계보",
    summary="gyebo에 있는 모든 구조와, 각 구조가 앞선 구조의 무엇을 고쳤는지.",
    reading="시간은 위에서 아래로 흐른다. 선은 부모에서 자식으로 이어지며, 자식이 부모의 어떤 점을 고쳤다는 뜻이다. 그 주장을 실험으로"
    " 확인했으면 선에 판정이 나타난다. 판정 규칙은 실험을 돌리기 전에 정해 두었다.",
    made_by="`gyebo list --pages docs`가 만든 문서이며, 같은 명령으로 다시 만든다. 손으로 쓴 내용은 없다.",
    to_other="This page in English",
    verdicts={"holds": "성립", "does not hold": "성립하지 않음", "undecided": "판정 보류", "not run": "실험 전"},
    threshold="기준 {:g} 이상",
    labels={
        "variant": "변형",
        "variants": "변형",
        "variant_of": "다음 구조의 변형",
        "paper": "논문",
        "descends": "부모",
        "part": "일부에 대한 주장",
        "children": "자식",
        "file": "파일",
        "command": "명령",
        "result": "도달한 값",
        "minutes": "분",
        "memory": "메모리",
        "machine": "장비",
        "untrained": "전용 레시피가 아직 없다.",
    },
)
LANGUAGES = (ENGLISH, KOREAN)
