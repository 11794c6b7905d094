"""Every architecture against its references, and faults that the comparison must see."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest
import torch

from gyebo.genealogy import architecture, architecture_names
from gyebo.models.recurrent.lstm import language_model
from gyebo.verification.parity import parity_cases, transformer
from gyebo.verification.parity.case import TOLERANCES, compare
from gyebo.verification.properties.graphs import MissingPackageError

CASES = parity_cases()


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.architecture}-{case.reference}")
def test_architecture_equals_its_reference(case):
    record = compare(case, architecture(case.architecture))
    if record.outcome == "skipped":
        pytest.skip(record.detail)
    assert record.outcome == "passed", record.detail
    assert record.numbers.keys() == {f"{what} {precision}" for what in ("outputs", "gradients") for precision in TOLERANCES}


def test_every_architecture_has_a_reference():
    assert {case.architecture for case in CASES} == set(architecture_names())


def test_references_have_names_of_their_own():
    names = [(case.architecture, case.reference) for case in CASES]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(("tied", "source_vocabulary"), [("all", 13), ("target", 11), ("none", 11)])
@pytest.mark.parametrize("case", [case for case in CASES if case.architecture == "transformer"], ids=lambda case: case.reference)
def test_transformer_equals_its_references_however_it_is_tied(case, tied, source_vocabulary):
    entry = architecture("transformer")
    tiny = {**entry.tiny, "tied": tied, "source_vocabulary": source_vocabulary}
    record = compare(case, replace(entry, tiny=tiny))
    if record.outcome == "skipped":
        pytest.skip(record.detail)
    assert record.outcome == "passed", record.detail


def test_every_weight_of_marian_is_given():
    """The reference may not fall back on a weight of its own, and is wrong where one of ours is moved."""
    case = next(case for case in CASES if case.reference == "transformers.MarianMTModel")
    entry = architecture("transformer")
    if compare(case, entry).outcome == "skipped":
        pytest.skip("needs transformers")
    for moved in (
        "encoder.1.attention.projection",
        "decoder.0.cross_attention.output",
        "decoder.1.add_norm_feed_forward.norm.bias",
    ):

        def answer(weights, config, example, moved=moved):
            return case.answer({**weights, moved: weights[moved] * 1.001}, config, example)

        assert wrong(compare(replace(case, answer=answer), entry).numbers) & {"outputs float64", "gradients float64"}, moved
        with pytest.raises(KeyError, match=moved):
            compare(
                replace(
                    case,
                    answer=lambda weights, config, example, moved=moved: case.answer(
                        {name: weight for name, weight in weights.items() if name != moved}, config, example
                    ),
                ),
                entry,
            )


def test_reference_whose_package_is_missing_is_skipped():
    def answer(weights, config, example):
        raise MissingPackageError("needs transformers")

    record = compare(replace(case_of("lstm"), answer=answer), architecture("lstm"))
    assert (record.outcome, record.detail, record.numbers) == ("skipped", "needs transformers", {})


def test_transformer_has_a_reference_that_needs_no_other_package(monkeypatch):
    """Where transformers is missing, its case is skipped, and the equations are still compared."""
    monkeypatch.setitem(sys.modules, "transformers", None)
    transformer._marian.cache_clear()
    entry = architecture("transformer")
    records = [compare(case, entry) for case in CASES if case.architecture == "transformer"]
    assert [record.outcome for record in records] == ["passed", "skipped"]
    assert records[1].detail == "needs transformers"


def case_of(name):
    return next(case for case in CASES if case.architecture == name)


def wrong(numbers):
    return {name for name, value in numbers.items() if value > TOLERANCES[name.split()[1]]}


MOVED = 6
"""weights of an architecture that are moved: that every weight takes part, the comparison demands itself"""


@pytest.mark.parametrize("name", architecture_names())
def test_a_weight_moved_by_a_millionth_is_seen(name):
    """In float64, whichever weight it is: the first, the last, and some between.

    Each number moves by another amount: of what is the same for a whole vector, a layer norm knows nothing.
    """
    entry, case = architecture(name), case_of(name)
    names = [*dict(entry.model(entry.config(**entry.tiny)).named_parameters())]
    for moved in {names[round(place * (len(names) - 1) / (MOVED - 1))] for place in range(MOVED)}:

        def with_moved(reference, moved=moved):
            def answer(weights, *rest):
                step = torch.randn(weights[moved].shape, generator=torch.Generator().manual_seed(0)).to(weights[moved])
                return reference(weights | {moved: weights[moved] + 1e-6 * step}, *rest)

            return answer

        own = {"loss": with_moved(case.loss)} if getattr(case, "loss", None) else {}
        record = compare(replace(case, answer=with_moved(case.answer), **own), entry, ["float64"])
        if record.outcome == "skipped":
            pytest.skip(record.detail)
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
