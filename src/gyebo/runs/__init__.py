"""Runs: the folder that a recipe leaves behind, written, locked, read and described."""

from gyebo.runs.folder import RunFolder, find_run
from gyebo.runs.run import Run, load

__all__ = ["Run", "RunFolder", "find_run", "load"]
