"""What is freed within a training is asked for again without the system's help."""

from __future__ import annotations

import subprocess
import sys

import pytest

from gyebo.training.memory import freed_memory_kept, peak_memory_gib

NEW_PAGES = """
import resource, torch
from contextlib import nullcontext
from gyebo.training.memory import freed_memory_kept

def new_pages():
    begin = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        torch.ones(2**24)  # 64 MiB
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - begin

with {context}():
    new_pages()
    print(new_pages())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the GNU C library is Linux's")
def test_large_tensors_find_the_pages_of_those_before():
    """Each in a process of its own, whose heap nobody else has used."""
    found = {
        context: int(subprocess.check_output([sys.executable, "-c", NEW_PAGES.format(context=context)], text=True))
        for context in ("nullcontext", "freed_memory_kept")
    }
    assert found["nullcontext"] > 20 * 1000
    assert found["freed_memory_kept"] < 1000


def test_an_error_inside_comes_out():
    with pytest.raises(ZeroDivisionError), freed_memory_kept():
        1 / 0  # noqa: B018
    assert peak_memory_gib() > 0
