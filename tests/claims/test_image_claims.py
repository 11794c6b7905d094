"""The experiments on deep image networks with two updates or so: what they give, that they give it again, and that they compare alike."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from claim_clock import Clock, measured_twice

from gyebo.claims import resnet_densenet, vgg_plain
from gyebo.genealogy import architecture

EXPERIMENTS = {
    "resnet-densenet": partial(resnet_densenet.measure, updates=2),
    "vgg-plain": partial(vgg_plain.measure, updates=2),
}


@pytest.fixture(autouse=True)
def few_pictures(monkeypatch):
    for module in (resnet_densenet, vgg_plain):
        monkeypatch.setattr(module, "PICTURES", 64)
        monkeypatch.setattr(module, "TESTED", 20)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_an_experiment_repeats_itself_and_is_drawn(name):
    first, clock = measured_twice(name, EXPERIMENTS[name])
    assert clock.calls == 2 * len(first.table)
    assert len(clock.said) == len(first.table)


def test_a_densenet_has_half_of_the_parameters_of_the_resnet_beside_it_and_more_to_compute():
    of = {(row["network"], row["size"]): row for row in resnet_densenet.measure(1, Clock(), updates=1).table}
    for size in ("small", "large"):
        assert of["densenet", size]["parameters"] <= of["resnet", size]["parameters"] / 2
        assert of["densenet", size]["multiply-adds"] > of["resnet", size]["multiply-adds"]
    assert of["densenet", "large"]["parameters"] == pytest.approx(of["resnet", "small"]["parameters"], rel=0.05)


def test_the_narrow_vgg_has_as_large_a_part_of_its_parameters_in_fully_connected_layers_as_vgg_16():
    entry = architecture("vgg")
    sizes = {"num_channels": 1, "num_classes": 10, "image_size": vgg_plain.SIZE, "depths": vgg_plain.DEPTHS["vgg", "shallow"]}
    full = {}
    for name, choices in {"narrow": {**sizes, **vgg_plain.OPTIONS["vgg"]}, "published": entry.sizes["D"].config}.items():
        with torch.device("meta"):
            model = entry.model(entry.config(**choices))
        counts = {part: sum(item.numel() for item in child.parameters()) for part, child in model.named_children()}
        full[name] = 1 - counts["blocks"] / sum(counts.values())
    assert full["narrow"] == pytest.approx(full["published"], abs=0.06)


def test_what_the_plain_network_saves_is_what_the_table_counts():
    measured = vgg_plain.measure(1, Clock(), updates=1)
    of = {(row["network"], row["stack"]): row for row in measured.table}
    assert list(of) == list(vgg_plain.DEPTHS)
    for effect, count in (("parameters_saved", "parameters"), ("multiply_adds_saved", "multiply-adds")):
        vgg, plain = of["vgg", "shallow"][count], of["plain", "shallow"][count]
        assert measured.effects[effect] * vgg == pytest.approx(vgg - plain)
    assert of["plain", "deep"]["multiply-adds"] < of["vgg", "shallow"]["multiply-adds"]
