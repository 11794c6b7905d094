"""Threads that run one kernel meet: what one wrote before, the others read behind."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from gyebo.layers.compiling import kernel
from gyebo.layers.kernel_threads import meet, run_on_threads


@kernel
def pass_on(numbers, rounds, thread, threads, counter):
    """Every round, each thread makes its number the sum of all, from the numbers of the round before."""
    for number in range(rounds):
        total = 0
        for other in range(threads):
            total += numbers[number, other]
        numbers[number + 1, thread] = total
        meet(counter, (number + 1) * threads)


def sums(threads: int, rounds: int) -> list[int]:
    numbers = np.zeros((rounds + 1, threads), np.int64)
    numbers[0] = 1
    run_on_threads(pass_on, threads, numbers, rounds)
    return numbers[-1].tolist()


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_no_thread_reads_before_the_others_have_written(threads):
    rounds = 20 if threads > 1 else 1
    for _ in range(20):
        assert sums(threads, rounds) == [threads**rounds] * threads


def test_searches_side_by_side_do_not_wait_for_each_other():
    """Several callers share the helping threads, of which there are fewer than callers."""
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda _: sums(2, 5), range(40))) == [[32, 32]] * 40


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a system without fork")
def test_a_forked_process_has_threads_of_its_own():
    assert sums(2, 3) == [8, 8]
    child = os.fork()
    if child == 0:
        os._exit(0 if sums(2, 3) == [8, 8] else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
