"""The contract over the whole catalogue: every property on every architecture, and the one list of skips."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gyebo.genealogy import architecture, architecture_names, facts
from gyebo.verification.contract import PROPERTIES, SKIPS, check_property, properties_of

LARGEST_SHARE_OF_SKIPS = 0.02


CELLS = [(name, check) for name in architecture_names() for check in properties_of(facts(name))]


@pytest.mark.parametrize(("name", "check"), CELLS)
def test_property_holds(name, check):
    record = check_property(architecture(name), check)
    assert record.outcome != "failed", record.detail
    if record.outcome == "skipped":
        assert (name, check) in SKIPS, f"skipped without standing in the list: {record.detail}"
        pytest.skip(record.detail)


def test_skips_name_architectures_and_properties_that_exist():
    assert SKIPS.keys() <= set(CELLS)
    assert all(len(reason) > 20 for reason in SKIPS.values())


def test_skips_are_few():
    assert len(SKIPS) <= LARGEST_SHARE_OF_SKIPS * len(CELLS)


def test_skip_that_holds_is_a_failure():
    check = "config_round_trips_through_json"
    record = check_property(architecture("lstm"), check, skips={("lstm", check): "it was thought not to hold"})
    assert record.outcome == "failed"
    assert "take it off" in record.detail
    assert "it was thought not to hold" in record.detail


def test_every_property_says_what_it_promises():
    for name, each in PROPERTIES.items():
        assert each.name == name
        assert each.statement.endswith("."), name


def test_every_property_is_for_some_architecture():
    assert {check for _, check in CELLS} == PROPERTIES.keys()


def test_property_of_tokens_is_not_tried_on_images():
    entry = replace(architecture("lstm"), task="classify")
    assert "future_is_not_seen" not in properties_of(entry)
    assert "rows_are_independent" in properties_of(entry)
    with pytest.raises(AssertionError, match="future_is_not_seen is not for lstm"):
        check_property(entry, "future_is_not_seen")
