"""The loss of token predictors, and of those that sample choices on the way."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from gyebo.data.batching import TokenSequences
from gyebo.models.attention.hard_attention import HardAttention, HardAttentionConfig
from gyebo.tasks.next_token import sampled_loss, summed_loss
from gyebo.tasks.translate import TranslationPairs

PAIRS = TranslationPairs(TokenSequences.of([[4, 5, 3], [6, 3]]), TokenSequences.of([[7, 3], [5, 6, 3]]))
ROWS = np.array([0, 1])


def model(**changes):
    torch.manual_seed(0)
    return HardAttention(
        HardAttentionConfig(source_vocabulary=9, target_vocabulary=9, width=4, embedding_width=5, **changes)
    ).train()


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_without_chance_and_weights_the_sampled_loss_is_the_summed_one(smoothing):
    soft = model(reading="soft", entropy_weight=0.0)
    sampled = sampled_loss(soft, PAIRS, ROWS, "cpu", smoothing)
    torch.testing.assert_close(sampled, summed_loss(soft, PAIRS, ROWS, "cpu", smoothing))


def test_the_reward_of_a_sentence_is_the_log_likelihood_of_its_own_tokens():
    soft, rewards = model(reading="soft", entropy_weight=0.0), []
    soft.choice_loss = lambda choices, log_likelihood, real: rewards.append(log_likelihood) or torch.tensor(0.0)
    sampled_loss(soft, PAIRS, ROWS, "cpu")
    source, lengths, target, real, _ = PAIRS.batch(ROWS, "cpu")
    log_p = soft(source, lengths, target).log_softmax(-1)
    following = torch.tensor([[7, 3, 0], [5, 6, 3]])
    expected = log_p.gather(2, following.unsqueeze(2)).squeeze(2).masked_fill(~real, 0)
    torch.testing.assert_close(rewards[0], expected)
    assert not rewards[0].requires_grad


def test_the_sampled_loss_has_the_models_word_on_its_choices():
    hard, plain = model(expectation_share=0.0), model(expectation_share=0.0, reward_weight=0.0, entropy_weight=0.0)
    torch.manual_seed(1)
    with_reward = sampled_loss(hard, PAIRS, ROWS, "cpu")
    torch.manual_seed(1)
    without = sampled_loss(plain, PAIRS, ROWS, "cpu")
    assert with_reward.item() != pytest.approx(without.item())
    assert F.relu(without).item() > 0
