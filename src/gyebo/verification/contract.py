"""The contract: what holds for every architecture because it is in the catalogue.

`PROPERTIES` is the table, one function a property; nobody writes them again for a new architecture. `SKIPS` is the one list of
cells that do not hold, each with its reason. It is strict: a skip whose check passes is a failure, and has to be taken off.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch

from gyebo.genealogy import Architecture
from gyebo.verification.properties import computation, config, graphs, rows, storage
from gyebo.verification.properties.graphs import MissingPackageError
from gyebo.verification.record import Record
from gyebo.verification.subject import Subject, subject_of

__all__ = ["PROPERTIES", "SKIPS", "Property", "check_property"]

Property = Callable[[Subject], None]

PROPERTIES: Mapping[str, Property] = {
    check.__name__: check
    for check in (
        config.config_round_trips_through_json,
        config.unknown_option_is_refused,
        computation.shapes_follow_the_inputs,
        computation.numbers_are_finite,
        computation.gradient_reaches_every_parameter,
        computation.forward_is_logits_of_features,
        rows.rows_are_independent,
        rows.longer_padding_changes_nothing,
        rows.padded_places_are_not_read,
        rows.future_is_not_seen,
        rows.decoding_equals_the_full_pass,
        rows.states_can_be_selected_by_row,
        computation.bfloat16_is_near_float32,
        storage.weights_round_trip_through_safetensors,
        storage.builds_on_the_meta_device,
        graphs.compiled_equals_eager,
        graphs.exported_equals_eager,
        graphs.onnx_equals_eager_at_other_sizes,
        storage.same_seed_same_bits_in_two_processes,
        computation.one_batch_can_be_learned,
        computation.inputs_are_left_alone,
        computation.evaluation_is_deterministic,
        computation.dropout_works_in_training_only,
    )
}

SKIPS: Mapping[tuple[str, str], str] = {}
"""(architecture, property) -> why it does not hold"""


def check_property(entry: Architecture, name: str, skips: Mapping[tuple[str, str], str] = SKIPS) -> Record:
    """Try one property on one architecture; a property that raises has failed, whatever it raises."""
    reason = skips.get((entry.name, name))
    try:
        with torch.random.fork_rng(devices=[]):
            PROPERTIES[name](subject_of(entry))
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
