"""What a run folder tells without torch: its JSON files, for lists, `show` and completion."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

__all__ = ["find_run_folder", "run_facts", "run_names"]


def run_names(runs_dir: Path) -> list[str]:
    """The names of the runs in a folder; none where there is no folder."""
    return sorted(path.parent.name for path in runs_dir.glob("*/config.json"))


def find_run_folder(name: str, runs_dir: Path) -> Path | None:
    """The folder of a run, from its name in the runs folder or its path."""
    return next((path for path in (runs_dir / name, Path(name)) if (path / "config.json").is_file()), None)


def run_facts(folder: Path) -> dict[str, Any]:
    """Name, architecture, task, data, state and results of a run, as plain JSON values; unknown ones are None."""
    config, results = _read(folder / "config.json"), _read(folder / "results.json")
    test = results.get("splits", {}).get("test", {})
    return {
        "name": folder.name,
        "path": str(folder),
        "task": config.get("task"),
        "architecture": config.get("architecture"),
        "data": config.get("data", {}).get("name"),
        "state": "finished" if results else "begun",
        "reason": results.get("reason"),
        "steps": results.get("steps"),
        "minutes": round(results["seconds"] / 60, 2) if "seconds" in results else None,
        "parameters": results.get("parameters"),
        "metrics": test.get("metrics", {}),
        "signatures": test.get("signatures", {}),
        "report": str(folder / "report.html") if (folder / "report.html").is_file() else None,
    }


def _read(path: Path) -> dict[str, Any]:
    """A JSON object, or an empty one: a damaged run must not hide the others from a list."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
