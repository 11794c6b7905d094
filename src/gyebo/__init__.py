"""gyebo (계보, "genealogy"): the family tree of neural networks as software that runs.

The public names are imported when they are used, so `import gyebo` costs milliseconds and torch is loaded by what needs it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gyebo.api import architectures, claim, create, load, look, train, verify

__version__ = "0.1.0"
__all__ = ["architectures", "claim", "create", "load", "look", "train", "verify"]

_PLACES = {
    "architectures": "gyebo.api",
    "claim": "gyebo.api",
    "create": "gyebo.api",
    "load": "gyebo.api",
    "look": "gyebo.api",
    "train": "gyebo.api",
    "verify": "gyebo.api",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'gyebo' has no attribute {name!r}")
    return getattr(import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
