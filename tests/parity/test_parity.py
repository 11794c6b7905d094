"""Every architecture against its references, and faults that the comparison must see."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from gyebo.genealogy import architecture, architecture_names
from gyebo.models.recurrent.lstm import language_model
from gyebo.verification.parity import parity_cases
from gyebo.verification.parity.case import TOLERANCES, compare

CASES = parity_cases()


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.architecture}-{case.reference}")
def test_architecture_equals_its_reference(case):
    record = compare(case, architecture(case.architecture))
    assert record.outcome == "passed", record.detail
    assert record.numbers.keys() == {f"{what} {precision}" for what in ("outputs", "gradients") for precision in TOLERANCES}


def test_every_architecture_has_a_reference():
    assert {case.architecture for case in CASES} == set(architecture_names())


def test_references_have_names_of_their_own():
    names = [(case.architecture, case.reference) for case in CASES]
    assert len(set(names)) == len(names)


def case_of(name):
    return next(case for case in CASES if case.architecture == name)


def wrong(numbers):
    return {name for name, value in numbers.items() if value > TOLERANCES[name.split()[1]]}


@pytest.mark.parametrize("name", architecture_names())
def test_a_weight_moved_by_a_millionth_is_seen(name):
    """In float64, whichever weight it is: so every weight takes part in the comparison."""
    entry, case = architecture(name), case_of(name)
    for moved in dict(entry.model(entry.config(**entry.tiny)).named_parameters()):

        def answer(weights, config, example, moved=moved):
            return case.answer({**weights, moved: weights[moved] + 1e-6}, config, example)

        record = compare(replace(case, answer=answer), entry)
        assert record.outcome == "failed", moved
        assert wrong(record.numbers) & {"outputs float64", "gradients float64"}, moved


def test_a_wrong_step_is_seen():
    """The full pass is right and the step is not."""

    def broken(config):
        model = language_model(config)
        step = model.step
        model.step = lambda tokens, state: (step(tokens, state)[0] + 1e-4, step(tokens, state)[1])
        return model

    record = compare(case_of("lstm"), replace(architecture("lstm"), model=broken))
    assert wrong(record.numbers) == {"outputs float32", "outputs float64"}


def test_a_wrong_alignment_is_seen():
    def answer(weights, config, example):
        told = case_of("bahdanau").answer(weights, config, example)
        return told | {"alignment": told["alignment"].flip(1)}

    record = compare(replace(case_of("bahdanau"), answer=answer), architecture("bahdanau"))
    assert wrong(record.numbers) == {"outputs float32", "outputs float64"}


def test_a_wrong_gradient_is_seen():
    def answer(weights, config, example):
        return {"logits": case_of("lstm").answer({**weights, "output.bias": weights["output.bias"] * 1}, config, example)["logits"]}

    assert compare(replace(case_of("lstm"), answer=answer), architecture("lstm")).outcome == "passed"

    def broken(config):
        model = language_model(config)
        model.output.bias.register_hook(lambda gradient: gradient * 1.01)
        return model

    record = compare(case_of("lstm"), replace(architecture("lstm"), model=broken))
    assert wrong(record.numbers) == {"gradients float32", "gradients float64"}


def test_not_a_number_is_no_agreement():
    def answer(weights, config, example):
        return {"logits": case_of("lstm").answer(weights, config, example)["logits"] * torch.nan}

    assert compare(replace(case_of("lstm"), answer=answer), architecture("lstm")).outcome == "failed"
