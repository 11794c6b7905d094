"""Typed configs: what is written is read back, and each wrong value is refused by the path of its key."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gyebo.config import from_mapping, to_mapping, without_none
from gyebo.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Inner:
    depth: int = 2
    rate: float = 0.5

    def __post_init__(self) -> None:
        if self.depth < 0:
            raise ValueError(f"depth={self.depth} is negative; try 2.")


@dataclass(frozen=True, kw_only=True)
class Outer:
    name: str
    kind: Literal["lstm", "gru", 3] = "lstm"
    widths: tuple[int, ...] = (1, 2)
    betas: tuple[float, float] = (0.9, 0.999)
    files: tuple[str, ...] = ()
    limit: float | None = None
    fast: bool = False
    inner: Inner = field(default_factory=Inner)


NUMBER = st.floats(allow_nan=False, allow_infinity=False)
INNER = st.builds(Inner, depth=st.integers(min_value=0), rate=NUMBER)
OUTER = st.builds(
    Outer,
    name=st.text(),
    kind=st.sampled_from(["lstm", "gru", 3]),
    widths=st.lists(st.integers()).map(tuple),
    betas=st.tuples(NUMBER, NUMBER),
    files=st.lists(st.text()).map(tuple),
    limit=st.none() | NUMBER,
    fast=st.booleans(),
    inner=INNER,
)


@given(OUTER)
def test_json_round_trip(config: Outer):
    assert from_mapping(Outer, json.loads(json.dumps(to_mapping(config)))) == config


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_any_value_is_read_or_refused(value: Any):
    for name in (item.name for item in dataclasses.fields(Outer)):
        try:
            from_mapping(Outer, {"name": "x", name: value})
        except UsageError as error:
            message = str(error)
        else:
            continue
        assert name in message


def test_defaults_and_conversions():
    assert from_mapping(Outer, {"name": "x"}) == Outer(name="x")
    config = from_mapping(Outer, {"name": "x", "limit": 3, "files": "one.tsv", "inner": {"rate": 1}})
    assert (config.limit, config.files, config.inner.rate) == (3.0, ("one.tsv",), 1.0)
    assert type(config.limit) is float


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"name": "x", "widht": 1}, "In the config, there is no option 'widht'. Did you mean 'widths'?"),
        ({"name": "x", "inner": {"dept": 1}}, "there is no option 'inner.dept'. Did you mean 'depth'?"),
        ({"name": "x", "zzz": 1}, "there is no option 'zzz'. Known are: betas, fast, files, inner, kind, limit, name, widths."),
        ({}, "In the config, 'name' must be given and is not there."),
        ({"name": 3}, "'name' is 3, but a value of type str was expected."),
        ({"name": "\udcff"}, "'name' is '\\udcff', which is not valid UTF-8 text."),
        ({"name": "x", "kind": "lst"}, "'kind' is 'lst'. Did you mean 'lstm'?"),
        ({"name": "x", "kind": ["lstm"]}, "'kind' is ['lstm']."),
        ({"name": "x", "widths": 3}, "'widths' is 3, but a list was expected."),
        ({"name": "x", "widths": [1, "2"]}, "'widths[1]' is '2', but a value of type int was expected."),
        ({"name": "x", "betas": [0.5]}, "'betas' has 1 entries, but 2 were expected."),
        ({"name": "x", "limit": "much"}, "'limit' is 'much', but a value of type float was expected."),
        ({"name": "x", "limit": float("nan")}, "'limit' is nan, but a finite number was expected."),
        ({"name": "x", "limit": 10**400}, "but a finite number was expected."),
        ({"name": "x", "fast": 1}, "'fast' is 1, but a value of type bool was expected."),
        ({"name": "x", "inner": {"depth": True}}, "'inner.depth' is True, but a value of type int was expected."),
        ({"name": "x", "inner": {"depth": -1}}, "In the config: depth=-1 is negative; try 2."),
        ({"name": "x", "inner": 5}, "In the config, 'inner' is 5, but a table of options was expected."),
        ([1], "the config is [1], but a table of options was expected."),
    ],
)
def test_messages(mapping: Any, message: str):
    with pytest.raises(UsageError) as caught:
        from_mapping(Outer, mapping)
    assert message in str(caught.value)


@given(OUTER)
def test_without_its_empty_values_a_mapping_says_the_same(config: Outer):
    mapping = to_mapping(config)
    assert from_mapping(Outer, without_none(mapping)) == config
    assert mapping == to_mapping(config), "the mapping itself stays as it is"


def test_only_none_is_empty():
    mapping = {"a": None, "b": {"c": None, "d": 0, "e": {}}, "f": "", "g": [None]}
    assert without_none(mapping) == {"b": {"d": 0, "e": {}}, "f": "", "g": [None]}


def test_where_is_named():
    with pytest.raises(UsageError, match=r"^In recipe mine\.toml, there is no option"):
        from_mapping(Inner, {"wide": 1}, "recipe mine.toml")
