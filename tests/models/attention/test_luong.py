"""Luong's translator in every combination of score, window and feeding, beyond the one of the contract."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
import torch

from gyebo.decoding import DecodingConfig, beam_search
from gyebo.errors import UsageError
from gyebo.genealogy import architecture
from gyebo.models.attention.luong import SCORES, WINDOWS, Luong, LuongConfig
from gyebo.verification.contract import check_property
from gyebo.verification.parity.case import compare
from gyebo.verification.parity.luong import CASES
from gyebo.verification.subject import subject_of
from gyebo.views.recorder import record

ENTRY = architecture("luong")
VARIANTS = [
    {"score": score, "window": window, "input_feeding": feeding}
    for score, window, feeding in product(SCORES, WINDOWS, (False, True))
]


def variant(changes: dict) -> object:
    return replace(ENTRY, tiny={**ENTRY.tiny, "max_source": 20, **changes})


def named(changes: dict) -> str:
    return f"{changes['score']}-{changes['window']}-{'fed' if changes['input_feeding'] else 'unfed'}"


@pytest.mark.parametrize("changes", VARIANTS, ids=named)
def test_every_variant_equals_the_equations(changes):
    record = compare(CASES[0], variant(changes))
    assert record.outcome == "passed", record.detail


@pytest.mark.parametrize("changes", VARIANTS, ids=named)
@pytest.mark.parametrize(
    "check",
    [
        "gradient_reaches_every_parameter",
        "longer_padding_changes_nothing",
        "padded_places_are_not_read",
        "future_is_not_seen",
        "decoding_equals_the_full_pass",
        "states_can_be_selected_by_row",
    ],
)
def test_every_variant_keeps_the_contract(check, changes):
    record = check_property(variant(changes), check)
    assert record.outcome == "passed", record.detail


@pytest.mark.parametrize("changes", VARIANTS[:3] + VARIANTS[4:6], ids=named)
def test_the_recorder_sees_gates_and_alignment(changes):
    entry = variant(changes)
    subject = subject_of(entry)
    model, inputs = subject.build(), subject.inputs([4, 2])
    _, calls = record(model, lambda: model(*subject.arguments(inputs)))
    inside = calls["decoder"][0].inside
    assert inside["l1.forget"].shape == (2, 4, 8)
    assert inside["alignment"].shape == (2, 4, inputs[0].numbers.shape[1])
    assert ("centre" in inside) == (changes["window"] != "global")
    steps = subject.decode(model, inputs)["alignment"]
    torch.testing.assert_close(inside["alignment"], steps)


def test_a_monotonic_window_looks_around_the_word_at_the_same_place():
    model = Luong(
        LuongConfig(source_vocabulary=9, target_vocabulary=9, width=4, embedding_width=4, window="local-m", half_window=1)
    )
    source, lengths = torch.tensor([[4, 5, 6, 7, 8, 3]]), torch.tensor([6])
    alignment = record(model, lambda: model(source, lengths, torch.full((1, 8), 4)))[1]["decoder"][0].inside["alignment"][0]
    looked_at = [row.nonzero().flatten().tolist() for row in alignment]
    assert looked_at == [[0, 1], [0, 1, 2], [1, 2, 3], [2, 3, 4], [3, 4, 5], [4, 5], [4, 5], [4, 5]]


def test_memory_stands_in_the_order_of_the_sentence_though_it_is_read_backwards():
    model = Luong(LuongConfig(source_vocabulary=9, target_vocabulary=9, width=4, embedding_width=4)).eval()
    lengths = torch.tensor([4])
    values = model.encode(torch.tensor([[4, 5, 6, 3]]), lengths)["values"]
    changed = model.encode(torch.tensor([[7, 5, 6, 3]]), lengths)["values"]  # the first word is read last, but for the end mark
    assert [bool((values[0, place] != changed[0, place]).any()) for place in range(4)] == [True, False, False, True]


def test_beam_search_finds_what_greedy_rows_find_alone():
    model = subject_of(ENTRY).build()
    source, lengths = torch.tensor([[4, 5, 6, 3], [7, 8, 3, 0]]), torch.tensor([4, 3])
    together = beam_search(model, source, lengths, DecodingConfig(beam=3))
    alone = [
        beam_search(model, source[[row], :length], lengths[[row]], DecodingConfig(beam=3))[0] for row, length in enumerate((4, 3))
    ]
    assert [[found.tokens for found in each] for each in together] == [[found.tokens for found in each] for each in alone]


def test_a_source_longer_than_a_location_score_knows_is_refused():
    model = Luong(LuongConfig(source_vocabulary=9, target_vocabulary=9, score="location", max_source=3))
    model.encode(torch.tensor([[4, 5, 3]]), torch.tensor([3]))
    with pytest.raises(ValueError, match=r"4 tokens.*3 positions.*--model\.max-source") as caught:
        model.encode(torch.tensor([[4, 5, 6, 3]]), torch.tensor([4]))
    assert isinstance(caught.value, UsageError)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("wrong", [{"half_window": 0}, {"max_source": 0}])
def test_a_window_of_nothing_is_refused(wrong):
    with pytest.raises(ValueError, match="at least 1 token"):
        LuongConfig(source_vocabulary=9, target_vocabulary=9, **wrong)
