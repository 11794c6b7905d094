"""What hard and soft reading do, and that the random one learns."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
import torch

from gyebo.genealogy import architecture
from gyebo.models.attention.hard_attention import HardAttention, HardAttentionConfig, HardReading, SoftReading
from gyebo.models.interfaces import Choices, StochasticTranslator
from gyebo.verification.contract import check_property
from gyebo.verification.parity.case import compare
from gyebo.verification.parity.hard_attention import CASES
from gyebo.verification.subject import subject_of
from gyebo.views.recorder import record

ENTRY = architecture("hard-attention")
SOFT = replace(ENTRY, tiny={**ENTRY.tiny, "reading": "soft"})
WEIGHTS = torch.tensor([[0.2, 0.5, 0.3], [0.0, 0.1, 0.9]])


def test_soft_reading_equals_the_equations():
    told = compare(CASES[0], SOFT)
    assert told.outcome == "passed", told.detail


@pytest.mark.parametrize(
    "check", ["gradient_reaches_every_parameter", "decoding_equals_the_full_pass", "longer_padding_changes_nothing"]
)
def test_soft_reading_keeps_the_contract(check):
    told = check_property(SOFT, check)
    assert told.outcome == "passed", told.detail


def test_the_best_hard_reading_is_the_likeliest_place_and_the_soft_one_the_expectation():
    assert HardReading().best(WEIGHTS).tolist() == [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    assert torch.equal(SoftReading().best(WEIGHTS), WEIGHTS)


def test_draws_have_the_probabilities_of_the_places():
    torch.manual_seed(0)
    rows = WEIGHTS[:1].expand(20_000, 3)
    drawn = HardReading().sampled(rows, torch.zeros(len(rows), 1, dtype=torch.bool))
    assert drawn.sum(1).eq(1).all()
    torch.testing.assert_close(drawn.mean(0), WEIGHTS[0], rtol=0, atol=0.02)


def test_marked_rows_are_read_by_expectation():
    drawn = HardReading().sampled(WEIGHTS, torch.tensor([[True], [False]]))
    assert torch.equal(drawn[0], WEIGHTS[0])
    assert sorted(drawn[1].tolist()) == [0.0, 0.0, 1.0]


def test_in_evaluation_one_position_is_read():
    subject = subject_of(ENTRY)
    model, inputs = subject.build(), subject.inputs([4, 2])
    inside = record(model, lambda: model(*subject.arguments(inputs)))[1]["decoder"][0].inside
    glimpse = inside["glimpse"]
    assert torch.equal(glimpse.max(-1).values, torch.ones(2, 4))
    assert torch.equal(glimpse.count_nonzero(dim=-1), torch.ones(2, 4, dtype=torch.long))
    assert torch.equal(glimpse.argmax(-1), inside["alignment"].argmax(-1))
    torch.testing.assert_close(inside["alignment"], subject.decode(model, inputs)["alignment"])


def test_log_probabilities_and_entropies_of_the_draws():
    """Against the probabilities that the recorder sees when the same places are read."""
    subject = subject_of(replace(ENTRY, tiny={**ENTRY.tiny, "expectation_share": 0.0}))
    model, inputs = subject.build(dtype=torch.float64), subject.inputs([1, 1, 1])
    torch.manual_seed(3)
    _, choices = model.sampled_features(*subject.arguments(inputs))
    alpha = record(model, lambda: model(*subject.arguments(inputs)))[1]["decoder"][0].inside[
        "alignment"
    ]  # the first step sees no draw
    torch.testing.assert_close(choices.entropy, torch.special.entr(alpha).sum(-1))
    matches = (choices.log_probability.exp().unsqueeze(-1) - alpha).abs().min(-1).values
    assert matches.max() < 1e-12


def test_half_of_the_sentences_are_read_by_expectation():
    model = HardAttention(HardAttentionConfig(source_vocabulary=9, target_vocabulary=9, width=4, embedding_width=4))
    source = torch.tensor([[4, 5, 6, 3]]).expand(2000, 4)
    torch.manual_seed(0)
    _, choices = model.sampled_features(source, torch.full((2000,), 4), torch.full((2000, 1), 2))
    assert 0.45 < float((choices.log_probability == 0).float().mean()) < 0.55


def test_the_same_seed_draws_the_same():
    subject = subject_of(ENTRY)
    model, inputs = subject.build(), subject.inputs([5, 3])
    first, second, other = (
        (torch.manual_seed(seed), model.sampled_features(*subject.arguments(inputs))[1].log_probability)[1] for seed in (1, 1, 2)
    )
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


def test_choice_loss_is_the_papers_equation_and_moves_the_baseline_in_training_only():
    config = HardAttentionConfig(source_vocabulary=9, target_vocabulary=9, reward_weight=2.0, entropy_weight=0.5)
    model = HardAttention(config)
    model.baseline.fill_(-3.0)
    real = torch.tensor([[True, True], [True, False]])
    choices = Choices(torch.tensor([[-0.5, -1.0], [-2.0, -9.0]]), torch.tensor([[0.1, 0.2], [0.4, 9.0]]))
    log_likelihood = torch.tensor([[-1.0, -3.0], [-5.0, 0.0]])  # -2 and -5 a token
    loss = model.eval().choice_loss(choices, log_likelihood, real)
    assert loss.item() == pytest.approx(-2.0 * ((-2 + 3) * -1.5 + (-5 + 3) * -2.0) - 0.5 * 0.7)
    assert model.baseline.item() == -3.0
    model.train().choice_loss(choices, log_likelihood, real)
    assert model.baseline.item() == pytest.approx(0.9 * -3.0 + 0.1 * -3.5)
    assert "baseline" in model.state_dict()


def test_reinforce_estimates_the_gradient_of_the_expected_reward():
    """One step, three places: the mean over many draws of the gradient by the scores is that of sum_s alpha_s reward_s."""
    torch.manual_seed(0)
    scores, rewards = torch.tensor([0.3, -0.2, 0.5], requires_grad=True), torch.tensor([-1.0, -2.0, -0.5])
    [expected] = torch.autograd.grad((scores.softmax(0) * rewards).sum(), scores)
    rows = scores.softmax(0).expand(100_000, 3)
    drawn = HardReading().sampled(rows, torch.zeros(len(rows), 1, dtype=torch.bool))
    model = HardAttention(HardAttentionConfig(source_vocabulary=9, target_vocabulary=9, entropy_weight=0.0)).eval()
    choices = Choices((drawn * rows.log()).sum(1, keepdim=True), torch.zeros(len(rows), 1))
    loss = model.choice_loss(choices, (drawn @ rewards).unsqueeze(1), torch.ones(len(rows), 1, dtype=torch.bool))
    [estimated] = torch.autograd.grad(loss / len(rows), scores)
    torch.testing.assert_close(-estimated, expected, rtol=0, atol=0.01)


def test_only_what_samples_is_a_stochastic_translator():
    assert isinstance(subject_of(ENTRY).build(), StochasticTranslator)
    assert not isinstance(subject_of(architecture("bahdanau")).build(), StochasticTranslator)


def test_a_share_of_more_than_everything_is_refused():
    with pytest.raises(ValueError, match=r"expectation_share=1\.5"):
        HardAttentionConfig(source_vocabulary=9, target_vocabulary=9, expectation_share=1.5)


@pytest.mark.parametrize(("reading", "share"), list(product(["hard", "soft"], [0.0, 1.0])))
def test_training_reaches_every_parameter(reading, share):
    subject = subject_of(replace(ENTRY, tiny={**ENTRY.tiny, "reading": reading, "expectation_share": share}))
    model, inputs = subject.build().train(), subject.inputs([5, 3, 7])
    features, choices = model.sampled_features(*subject.arguments(inputs))
    real = inputs[-1].real
    log_p = model.logits(features).log_softmax(-1)[..., 4] * real
    (model.choice_loss(choices, log_p.detach(), real) - log_p.sum()).backward()
    assert [name for name, parameter in model.named_parameters() if parameter.grad is None or not parameter.grad.any()] == []
