"""One process's place among several, and its share of the machine."""

from __future__ import annotations

import os

from gyebo.training.distributed import World, share_of_cores


def test_alone():
    world = World()
    assert (world.is_main, world.any_says(False), world.any_says(True)) == (True, False, True)
    assert (world.maximum(1.5), world.mean(1.5), world.from_main("x")) == (1.5, 1.5, "x")
    world.wait_for_all()


def test_cores_are_shared_among_the_processes_of_a_machine(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)))
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
    assert share_of_cores() == 8
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "3")
    assert share_of_cores() == 2
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "9")
    assert share_of_cores() == 1
