"""The verbs, in the order in which a newcomer needs them."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["VERBS", "Verb"]


@dataclass(frozen=True)
class Verb:
    """A verb: the module whose `run(words) -> exit code` does it, what it takes, and what it does."""

    module: str
    what: str
    summary: str


VERBS = {
    "list": Verb("gyebo.cli.listing", "[KIND]", "what there is: architectures, recipes, datasets, runs, views, verbs"),
    "show": Verb("gyebo.cli.show", "NAME", "one of them in full: paper, parents, sizes, settings, results"),
    "data": Verb("gyebo.cli.data", "[NAME | FILE ...]", "prepare a dataset or your own file; facts, statistics and samples"),
    "train": Verb("gyebo.cli.train", "RECIPE", "train a recipe; the same command again resumes it"),
    "evaluate": Verb("gyebo.cli.evaluate", "RUN", "metrics of a run on its data or on other data"),
    "predict": Verb("gyebo.cli.predict", "RUN [INPUT ...]", "the outputs for texts or images, a file, or standard input"),
    "look": Verb("gyebo.cli.look", "RUN [VIEW] [INPUT ...]", "a figure of what happens inside"),
    "export": Verb("gyebo.cli.export", "RUN", "a run in the format of other programs: ONNX"),
    "compare": Verb("gyebo.cli.compare", "ARCHITECTURE ...", "which wins at an equal budget; or which settings of one do"),
    "import": Verb(
        "gyebo.cli.import_weights", "torchvision FILE", "weights of another program as a run: torchvision's image classifiers"
    ),
    "claim": Verb("gyebo.cli.claim", "[NAME]", "try by experiment what an architecture is said to fix; predict first"),
    "verify": Verb("gyebo.cli.verify", "[ARCHITECTURE ...]", "check architectures against papers and references"),
    "completion": Verb("gyebo.cli.completion", "SHELL", "the completion script of bash, zsh or fish"),
}
