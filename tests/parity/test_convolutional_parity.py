"""Options of the deep convolutional networks that their tiny configs leave out, against the same references."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gyebo.genealogy import architecture
from gyebo.verification import torchvision_reference
from gyebo.verification.parity import parity_cases
from gyebo.verification.parity.case import compare

CASES = parity_cases()
OPTIONS = (
    ("alexnet", {"image_size": 65, "stem_kernel": 11, "stem_stride": 4, "stem_padding": 2}),
    ("alexnet-one-tower", {"image_size": 64, "stem_kernel": 11, "stem_stride": 4, "stem_padding": 2, "pooled_side": 3}),
    ("vgg", {"depths": (2, 1, 2)}),
    ("vgg", {"pooled_side": 2, "image_size": 33}),
    ("googlenet", {"image_size": 79, "stem_kernel": 7, "stem_stride": 2}),
    ("googlenet-batch-norm", {"image_size": 33, "stem_kernel": 7, "stem_stride": 2}),
)


def differences(name, changes, only=""):
    entry = architecture(name)
    records = [
        compare(case, replace(entry, tiny={**entry.tiny, **changes}), ["float64"])
        for case in CASES
        if case.architecture == name and only in case.reference
    ]
    assert records
    compared = [record for record in records if record.outcome != "skipped"]
    return compared or pytest.skip(records[0].detail)


@pytest.mark.parametrize(("name", "changes"), OPTIONS)
def test_options_equal_the_references(name, changes):
    for record in differences(name, changes):
        assert record.outcome == "passed", f"{record.name}: {record.detail}"


@pytest.mark.parametrize("changes", [{"third_kernel": 1}, {"local_response": True}, {"local_response": True, "depths": (1, 1, 2)}])
def test_configurations_that_torchvision_lacks_equal_table_1(changes):
    (record,) = differences("vgg", changes, "table 1")
    assert record.outcome == "passed", record.detail


def test_torchvision_that_is_missing_is_skipped(monkeypatch):
    monkeypatch.setattr(torchvision_reference, "find_spec", lambda name: None)
    torchvision_reference.torchvision_models.cache_clear()
    entry = architecture("vgg")
    outcomes = {case.reference: compare(case, entry, ["float64"]) for case in CASES if case.architecture == "vgg"}
    torchvision_reference.torchvision_models.cache_clear()
    skipped = [record for record in outcomes.values() if record.outcome == "skipped"]
    assert [record.detail for record in skipped] == ["needs torchvision"]
    assert len(outcomes) == 2
