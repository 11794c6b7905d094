"""The contract: what holds for every architecture because it is in the catalogue.

`PROPERTIES` is the table, one function a property with the models that it is for; nobody writes them again for a new architecture.
`SKIPS` is the one list of cells that do not hold, each with its reason. It is strict: a skip whose check passes is a failure, and has
to be taken off.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from gyebo.genealogy import Architecture, Facts
from gyebo.verification.images import ClassifierSubject
from gyebo.verification.interface import Subject
from gyebo.verification.properties import computation, config, graphs, images, rows, storage, tokens
from gyebo.verification.properties.graphs import MissingPackageError
from gyebo.verification.record import Record
from gyebo.verification.subject import subject_of, subject_type
from gyebo.verification.tokens import TokenSubject

__all__ = ["PROPERTIES", "SKIPS", "Property", "check_property", "properties_of"]


@dataclass(frozen=True)
class Property:
    """check: raises AssertionError where the property fails.  subjects: those that it is for; it says nothing of others."""

    check: Callable[[Any], None]
    subjects: tuple[type[Subject[Any]], ...] = (Subject,)

    @property
    def name(self) -> str:
        return self.check.__name__

    @property
    def statement(self) -> str:
        """What it promises, in one sentence."""
        return (self.check.__doc__ or "").splitlines()[0]


PROPERTIES: Mapping[str, Property] = {
    each.name: each
    for each in (
        Property(config.config_round_trips_through_json),
        Property(config.unknown_option_is_refused),
        Property(computation.shapes_follow_the_inputs),
        Property(images.images_that_are_too_small_are_refused, (ClassifierSubject,)),
        Property(computation.numbers_are_finite),
        Property(computation.gradient_reaches_every_parameter),
        Property(computation.forward_is_logits_of_features, (TokenSubject, ClassifierSubject)),
        Property(rows.rows_are_independent),
        Property(tokens.longer_padding_changes_nothing, (TokenSubject,)),
        Property(tokens.padded_places_are_not_read, (TokenSubject,)),
        Property(tokens.future_is_not_seen, (TokenSubject,)),
        Property(tokens.decoding_equals_the_full_pass, (TokenSubject,)),
        Property(tokens.states_can_be_selected_by_row, (TokenSubject,)),
        Property(computation.bfloat16_is_near_float32),
        Property(storage.weights_round_trip_through_safetensors),
        Property(storage.builds_on_the_meta_device),
        Property(graphs.compiled_equals_eager),
        Property(graphs.exported_equals_eager),
        Property(graphs.onnx_equals_eager_at_other_sizes),
        Property(storage.same_seed_same_bits_in_two_processes),
        Property(computation.one_batch_can_be_learned),
        Property(computation.inputs_are_left_alone),
        Property(tokens.states_are_left_alone, (TokenSubject,)),
        Property(computation.evaluation_is_deterministic),
        Property(computation.dropout_works_in_training_only),
    )
}

SKIPS: Mapping[tuple[str, str], str] = {}
"""(architecture, property) -> why it does not hold"""


def properties_of(entry: Facts) -> tuple[str, ...]:
    """The names of the properties that are for an architecture: what its task's models have decides."""
    subject = subject_type(entry.name, entry.task)
    return tuple(name for name, each in PROPERTIES.items() if issubclass(subject, each.subjects))


def check_property(entry: Architecture, name: str, skips: Mapping[tuple[str, str], str] = SKIPS) -> Record:
    """Try one property on one architecture; a property that raises has failed, whatever it raises."""
    assert name in properties_of(entry), f"{name} is not for {entry.name}, an architecture of the task {entry.task!r}"
    reason = skips.get((entry.name, name))
    try:
        with torch.random.fork_rng(devices=[]):
            PROPERTIES[name].check(subject_of(entry))
    except MissingPackageError as missing:
        return Record(entry.name, "contract", name, "skipped", str(missing))
    except Exception as error:
        if reason is not None:
            return Record(entry.name, "contract", name, "skipped", reason)
        detail = str(error) if isinstance(error, AssertionError) else f"{type(error).__name__}: {error}"
        return Record(entry.name, "contract", name, "failed", detail)
    if reason is not None:
        return Record(entry.name, "contract", name, "failed", f"It holds: take it off SKIPS, where it stands with '{reason}'")
    return Record(entry.name, "contract", name, "passed", "")
