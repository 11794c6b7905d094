"""Threads that run one kernel meet: what one wrote before, the others read behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from gyebo.layers import kernel_threads
from gyebo.layers.compiling import kernel
from gyebo.layers.kernel_threads import begin, end, meet, run_on_threads

CALLS = 2_000
PATIENCE = 120  # seconds, many times what is needed


@kernel
def pass_on(numbers, rounds, thread, threads, counter):
    """Every round, each thread makes its number the sum of all, from the numbers of the round before."""
    begin(counter, thread)
    for number in range(rounds):
        total = 0
        for other in range(threads):
            total += numbers[number, other]
        numbers[number + 1, thread] = total
        meet(counter, (number + 1) * threads)
    end(counter, thread, threads)


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


@kernel
def fail(who, thread, threads, counter):
    begin(counter, thread)
    if thread == who:
        raise MemoryError("there is none")
    meet(counter, threads)
    end(counter, thread, threads)


@pytest.mark.parametrize("who", [0, 1, 2])
def test_a_thread_that_fails_holds_up_nobody(who):
    for _ in range(3):
        with pytest.raises(MemoryError, match="there is none"):
            run_on_threads(fail, 3, who)
        assert sums(3, 2) == [9, 9, 9]


def test_what_is_no_argument_of_a_kernel_is_refused_before_anyone_waits():
    for _ in range(2):
        with pytest.raises(TypeError):
            run_on_threads(pass_on, 3, np.zeros((2, 3), np.int64), 1, "one too many")
        assert sums(3, 2) == [9, 9, 9]


def test_searches_side_by_side_do_not_wait_for_each_other():
    """Several callers share the helping threads, of which there are fewer than callers."""
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda _: sums(2, 5), range(40))) == [[32, 32]] * 40


def call_side_by_side(threads: list[int]) -> None:
    """As many callers as numbers of threads, which take turns at almost every line of Python."""
    sys.setswitchinterval(1e-6)
    with ThreadPoolExecutor(len(threads)) as callers:
        found = callers.map(lambda call: sums(threads[call % len(threads)], 2), range(CALLS))
        assert [numbers[0] for numbers in found] == [threads[call % len(threads)] ** 2 for call in range(CALLS)]


@pytest.mark.parametrize("threads", [[3, 3], [2, 3, 4, 3]])
def test_the_tasks_of_several_callers_are_not_mixed(threads):
    """In a process of its own, for threads that wait for each other for ever can only be killed."""
    code = f"from {Path(__file__).stem} import call_side_by_side; call_side_by_side({threads})"
    subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parent, timeout=PATIENCE, check=True)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a system without fork")
def test_a_forked_process_has_threads_of_its_own():
    assert sums(2, 3) == [8, 8]
    child = os.fork()
    if child == 0:
        os._exit(0 if sums(2, 3) == [8, 8] else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a system without fork")
def test_a_forked_process_does_not_wait_for_a_caller_that_stayed_behind():
    with kernel_threads._calling:
        child = os.fork()
        if child == 0:
            signal.alarm(PATIENCE)  # ends a child that waits
            os._exit(0 if sums(2, 3) == [8, 8] else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
