"""Kinds of problem, one file each: how examples become batches, the loss, the prediction and the metrics."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from gyebo.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from gyebo.tasks.interface import TaskType

__all__ = ["TASKS", "task_type"]

TASKS = {
    "classify": ("gyebo.tasks.classify", "Classify"),
    "language": ("gyebo.tasks.language", "Language"),
    "segment": ("gyebo.tasks.segment", "Segment"),
    "translate": ("gyebo.tasks.translate", "Translate"),
}
"""name -> (module, class): the closed table in which a run folder's task is looked up"""


def task_type(name: str) -> TaskType:
    """The class of a task.  Raises UsageError for an unknown name."""
    if name not in TASKS:
        raise UsageError(f"There is no task {name!r}. {did_you_mean(name, TASKS)}")
    module, attribute = TASKS[name]
    return getattr(import_module(module), attribute)
