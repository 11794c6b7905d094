"""Which adapter an architecture gets: it follows from its task."""

from __future__ import annotations

from typing import Any

from gyebo.genealogy import Architecture
from gyebo.verification.images import ClassifierSubject, SegmenterSubject
from gyebo.verification.interface import Subject
from gyebo.verification.tokens import LanguageModelSubject, TranslatorSubject

__all__ = ["SUBJECTS", "subject_of", "subject_type"]

SUBJECTS: dict[str, type[Subject[Any]]] = {
    "translate": TranslatorSubject,
    "language": LanguageModelSubject,
    "classify": ClassifierSubject,
    "segment": SegmenterSubject,
}
"""task -> the adapter of the interface that its models have"""


def subject_type(name: str, task: str) -> type[Subject[Any]]:
    """The adapter for the models of a task; name: of the architecture that asks."""
    assert task in SUBJECTS, f"{name} is for the task {task!r}, for which gyebo.verification.subject has no adapter"
    return SUBJECTS[task]


def subject_of(entry: Architecture) -> Any:
    """The adapter for an architecture's interface: a `Subject`, with what its task adds."""
    return subject_type(entry.name, entry.task)(entry)
