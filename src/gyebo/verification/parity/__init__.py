"""References for every architecture: second implementations that share no code with the models, one file a family.

A reference is a function of (the model's weights by name, its config, and the token numbers of one example without padding, or
images) that returns what the model should. The weights come in as leaves of a graph, so its gradients are compared as well. Each file ends
with `CASES`; a file that is added is found.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module

from gyebo.verification.parity.case import Case, ImageParityCase, ParityCase

__all__ = ["Case", "ImageParityCase", "ParityCase", "parity_cases"]


def parity_cases() -> tuple[Case, ...]:
    """The cases of all files of this folder.

    >>> "bahdanau" in {case.architecture for case in parity_cases()}
    True
    """
    modules = [import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__)]
    return tuple(case for module in modules for case in getattr(module, "CASES", ()))
