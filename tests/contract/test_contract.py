"""The contract over the whole catalogue: every property on every architecture, and the one list of skips."""

from __future__ import annotations

import pytest

from gyebo.genealogy import architecture, architecture_names
from gyebo.verification.contract import PROPERTIES, SKIPS, check_property

LARGEST_SHARE_OF_SKIPS = 0.02


@pytest.mark.parametrize("name", architecture_names())
@pytest.mark.parametrize("check", PROPERTIES)
def test_property_holds(check, name):
    record = check_property(architecture(name), check)
    assert record.outcome != "failed", record.detail
    if record.outcome == "skipped":
        assert (name, check) in SKIPS, f"skipped without standing in the list: {record.detail}"
        pytest.skip(record.detail)


def test_skips_name_architectures_and_properties_that_exist():
    assert {name for name, _ in SKIPS} <= set(architecture_names())
    assert {check for _, check in SKIPS} <= PROPERTIES.keys()
    assert all(len(reason) > 20 for reason in SKIPS.values())


def test_skips_are_few():
    assert len(SKIPS) <= LARGEST_SHARE_OF_SKIPS * len(architecture_names()) * len(PROPERTIES)


def test_skip_that_holds_is_a_failure():
    check = "config_round_trips_through_json"
    record = check_property(architecture("lstm"), check, skips={("lstm", check): "it was thought not to hold"})
    assert record.outcome == "failed"
    assert "take it off" in record.detail
    assert "it was thought not to hold" in record.detail


def test_every_property_says_what_it_promises():
    for name, check in PROPERTIES.items():
        assert check.__doc__, name
        assert check.__doc__.splitlines()[0].endswith("."), name
