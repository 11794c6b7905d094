"""Parallel text made for tests: the splits as they are given."""

from __future__ import annotations

from gyebo.data.pairs import Pairs, fingerprint
from gyebo.data.parallel import ParallelText


def made_pairs(train: Pairs, validation: Pairs | None = None, test: Pairs | None = None) -> ParallelText:
    """Splits that are left out are the training split."""
    splits = (train, validation or train, test or train)
    return ParallelText(
        name="made",
        source_language="fr",
        target_language="en",
        train=splits[0],
        validation=splits[1],
        test=splits[2],
        licence="",
        citation="",
        url="",
        fingerprint=fingerprint(splits),
        notes=(),
    )
