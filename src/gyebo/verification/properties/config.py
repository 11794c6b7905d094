"""Configs survive a file, and a misspelt option does not pass."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

from gyebo.config import from_mapping, to_mapping
from gyebo.errors import UsageError
from gyebo.verification.interface import Subject

__all__ = ["config_round_trips_through_json", "unknown_option_is_refused"]


def config_round_trips_through_json(subject: Subject[Any]) -> None:
    """A config, written as JSON and read back, is the same config."""
    configs = [subject.config, *(from_mapping(subject.entry.config, size.config) for size in subject.entry.sizes.values())]
    for config in configs:
        again = from_mapping(subject.entry.config, json.loads(json.dumps(to_mapping(config))))
        assert again == config, f"{config} came back as {again}"


def unknown_option_is_refused(subject: Subject[Any]) -> None:
    """A misspelt option is refused, and the message names the right one."""
    for option in fields(subject.entry.config):
        *begin, second_last, last = option.name
        misspelt = "".join([*begin, last, second_last])
        told = _refusal(subject, misspelt)
        assert f"Did you mean {option.name!r}?" in told, f"{misspelt!r} is refused without naming {option.name!r}: {told}"


def _refusal(subject: Subject[Any], option: str) -> str:
    try:
        from_mapping(subject.entry.config, {**subject.entry.tiny, option: 1})
    except UsageError as error:
        return str(error)
    raise AssertionError(f"{option!r} is taken for an option")
