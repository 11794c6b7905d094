"""Hard attention: reading one place at a time.  Xu et al. 2015, arXiv 1502.03044, sections 4.1 and 4.2.

    e_ti = f_att(a_i, h_{t-1}),  alpha_t = softmax(e_t)                   eq. 4, 5
    i, f, o, g = T(E y_{t-1}, h_{t-1}, z_t)                               eq. 1 to 3, an LSTM that also reads z_t
    p(y_t) ~ exp(L_o (E y_{t-1} + L_h h_t + L_z z_t))                     eq. 7
    c_0, h_0 = two small networks of the mean of all a_i                  section 3.1.2

What z_t is makes the difference. Soft attention (section 4.2) takes the expectation, z_t = sum_i alpha_ti a_i. Hard attention
(section 4.1) draws one place s_t with the probabilities alpha_t and reads it alone, z_t = a_{s_t}. No gradient passes through a draw,
so the probabilities learn from how well the draws did (REINFORCE, Williams 1992):

    d log p(y | s) / dW  +  lambda_r (log p(y | s) - b) d log p(s) / dW  +  lambda_e d H[s] / dW                 eq. 12

with a moving average of the rewards as baseline, b_k = 0.9 b_{k-1} + 0.1 log p(y | s_k), and for half of the examples the expectation
in place of the draw. A trained model reads the likeliest place.

| part | in the paper | here |
|---|---|---|
| annotations a_i | 14 x 14 places of an image | a word of the source each, by a bidirectional LSTM |
| lambda_r, lambda_e | chosen by validation | reward_weight, entropy_weight |
| how often the expectation replaces the draw | 0.5 | expectation_share |
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import torch
from torch import Tensor, nn

from gyebo.genealogy import Architecture, Size
from gyebo.layers.attention import AdditiveAttention, read
from gyebo.layers.dropout import Dropout
from gyebo.layers.recurrent import LSTM
from gyebo.layers.scans import over_time
from gyebo.layers.sequence import real_positions
from gyebo.layers.steps import lstm_step
from gyebo.layers.unrolled import Gates, lstm_gates
from gyebo.models.interfaces import PADDING, Choices, State


@dataclass(frozen=True, kw_only=True)
class HardAttentionConfig:
    source_vocabulary: int
    target_vocabulary: int
    embedding_width: int = 256
    width: int = 256  # D
    alignment_width: int = 256  # A
    reading: Literal["hard", "soft"] = "hard"
    reward_weight: float = 1.0
    entropy_weight: float = 0.01
    expectation_share: float = 0.5
    """of the training sentences, so many are read by expectation, so that the draws of the others can be rarer"""
    dropout: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.expectation_share <= 1:
            raise ValueError(f"expectation_share={self.expectation_share:g} is not a share of the sentences, from 0 to 1.")


class Reading(Protocol):
    """From the probabilities of the places to what is read of each."""

    def best(self, weights: Tensor) -> Tensor:
        """Without a random choice: alpha (rows, S) -> weights to read with (rows, S)."""
        ...

    def sampled(self, weights: Tensor, expected: Tensor) -> Tensor:
        """In training: the same, with the expectation in the rows that `expected` (rows, 1) marks."""
        ...


class SoftReading:
    """The expectation of what stands in all places.  Section 4.2."""

    def best(self, weights: Tensor) -> Tensor:
        return weights

    def sampled(self, weights: Tensor, expected: Tensor) -> Tensor:
        return weights


class HardReading:
    """One place: the likeliest or, in training, one drawn at random.  Section 4.1."""

    def best(self, weights: Tensor) -> Tensor:
        """One-hot. A gradient that is asked of it is that of the expectation; training draws instead, and does not ask."""
        return one_hot(weights.argmax(-1), weights) + (weights - weights.detach())

    def sampled(self, weights: Tensor, expected: Tensor) -> Tensor:
        drawn = torch.multinomial(weights.detach(), 1).squeeze(-1)
        return torch.where(expected, weights, one_hot(drawn, weights))


def one_hot(places: Tensor, weights: Tensor) -> Tensor:
    """1 at the place of each row: (rows,) -> (rows, S), in the type of the weights."""
    return torch.zeros_like(weights).scatter(-1, places.unsqueeze(-1), 1.0)


READINGS: dict[str, type[SoftReading] | type[HardReading]] = {"soft": SoftReading, "hard": HardReading}


class HardAttentionDecoder(nn.Module):
    """Look at the annotations, then move the LSTM: eq. 1 to 5."""

    def __init__(self, config: HardAttentionConfig) -> None:
        super().__init__()
        memory_width = 2 * config.width
        self.first_hidden = nn.Linear(memory_width, config.width)  # f_init,h
        self.first_cell = nn.Linear(memory_width, config.width)  # f_init,c
        self.attention = AdditiveAttention(config.width, memory_width, config.alignment_width)  # f_att
        self.word = nn.Linear(config.embedding_width, 4 * config.width)  # the parts of T: for E y,
        self.context = nn.Linear(memory_width, 4 * config.width, bias=False)  # z
        self.recurrent = nn.Linear(config.width, 4 * config.width)  # and h
        self.reading: Reading = READINGS[config.reading]()

    def first_state(self, values: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
        """h_0 and c_0 (B, D) out of the mean annotation.  Section 3.1.2."""
        mean = values.sum(1) / real.sum(1, keepdim=True)  # padded values are 0
        return torch.tanh(self.first_hidden(mean)), torch.tanh(self.first_cell(mean))

    def products(
        self, word: Tensor, hidden: Tensor, memory: State, choose: Callable[[Tensor], Tensor]
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The gates' products but for the recurrent ones (rows, 4 D), z_t (rows, M), alpha_t and what is read of it (rows, S)."""
        weights = self.attention.align(hidden, memory["keys"], memory["real"])
        glimpse = choose(weights)
        context = read(glimpse, memory["values"])
        return word + self.context(context), context, weights, glimpse

    def step(
        self, word: Tensor, state: tuple[Tensor, Tensor], memory: State, choose: Callable[[Tensor], Tensor]
    ) -> tuple[tuple[Tensor, Tensor], Tensor, Tensor, Tensor]:
        """word (rows, 4 D) = self.word(E y_{t-1}), (h, c)_{t-1} -> (h, c)_t, z_t (rows, M), alpha_t and what was read (rows, S)."""
        products, context, weights, glimpse = self.products(word, state[0], memory, choose)
        return lstm_step(products, state, self.recurrent.weight, self.recurrent.bias), context, weights, glimpse

    def forward(self, embedded: Tensor, memory: State) -> tuple[Tensor, Tensor]:
        """E y (B, T, m) -> the states h_1 .. h_T (B, T, D) and what was read (B, T, M), without a random choice."""
        words = self.word(embedded)

        def advance(state: tuple[Tensor, Tensor], word: Tensor) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
            state, context, _, _ = self.step(word, state, memory, self.reading.best)
            return state, (state[0].clone(), context)  # a traced loop may not hand out its state itself

        states, contexts = over_time(advance, (memory["hidden"].clone(), memory["cell"].clone()), words)
        return states, contexts

    def inside(self, embedded: Tensor, memory: State) -> tuple[tuple[Tensor, Tensor], Gates]:
        """`forward` with the gates (B, T, D), the probabilities "alignment" and what was read by them, "glimpse" (B, T, S)."""
        state: tuple[Tensor, ...] = memory["hidden"], memory["cell"]
        contexts, parts = [], []
        for word in self.word(embedded).unbind(1):
            products, context, weights, glimpse = self.products(word, state[0], memory, self.reading.best)
            state, gates = lstm_gates(products, state, self.recurrent.weight, self.recurrent.bias)
            contexts.append(context)
            parts.append(gates | {"alignment": weights, "glimpse": glimpse})
        over_time = {name: torch.stack([each[name] for each in parts], 1) for name in parts[0]}
        return (over_time["hidden"], torch.stack(contexts, 1)), over_time

    def sample(self, embedded: Tensor, memory: State, expected: Tensor) -> tuple[Tensor, Tensor, Choices]:
        """`forward` with draws, but for the rows `expected` (B, 1), and the draws' log-probabilities and entropies."""
        state = memory["hidden"], memory["cell"]
        states, contexts, alphas, glimpses = [], [], [], []
        for word in self.word(embedded).unbind(1):
            state, context, weights, glimpse = self.step(word, state, memory, lambda alpha: self.reading.sampled(alpha, expected))
            states.append(state[0])
            contexts.append(context)
            alphas.append(weights)
            glimpses.append(glimpse)
        alpha, drawn = torch.stack(alphas, 1), torch.stack(glimpses, 1).detach()  # (B, T, S)
        log_alpha = alpha.clamp_min(1e-9).log()
        chance = (~expected).to(alpha.dtype)  # (B, 1)
        choices = Choices((drawn * log_alpha).sum(-1) * chance, -(alpha * log_alpha).sum(-1))
        return torch.stack(states, 1), torch.stack(contexts, 1), choices


class HardAttention(nn.Module):
    """The translator; a `gyebo.models.interfaces.Translator` and `StochasticTranslator`."""

    baseline: Tensor

    def __init__(self, config: HardAttentionConfig) -> None:
        super().__init__()
        self.source_embedding = nn.Embedding(config.source_vocabulary, config.embedding_width, PADDING)
        self.target_embedding = nn.Embedding(config.target_vocabulary, config.embedding_width, PADDING)
        self.dropout = Dropout(config.dropout)
        self.encoder = LSTM(config.embedding_width, config.width, bidirectional=True)
        self.decoder = HardAttentionDecoder(config)
        self.readout_hidden = nn.Linear(config.width, config.embedding_width)  # L_h
        self.readout_context = nn.Linear(2 * config.width, config.embedding_width, bias=False)  # L_z
        self.output = nn.Linear(config.embedding_width, config.target_vocabulary)  # L_o
        self.reward_weight, self.entropy_weight = config.reward_weight, config.entropy_weight
        self.expectation_share = config.expectation_share if config.reading == "hard" else 1.0
        # b: nats a token; a model that knows nothing begins here
        self.register_buffer("baseline", torch.tensor(-math.log(config.target_vocabulary)))

    def encode(self, source: Tensor, source_lengths: Tensor) -> State:
        values, _ = self.encoder(self.dropout(self.source_embedding(source)), source_lengths)  # (B, S, 2 D)
        real = real_positions(source_lengths, source.shape[1])
        hidden, cell = self.decoder.first_state(values, real)
        return {"values": values, "keys": self.decoder.attention.key(values), "real": real, "hidden": hidden, "cell": cell}

    def features(self, source: Tensor, source_lengths: Tensor, target: Tensor) -> Tensor:
        memory = self.encode(source, source_lengths)
        embedded = self.dropout(self.target_embedding(target))  # (B, T, m)
        return self.read_out(embedded, *self.decoder(embedded, memory))

    def sampled_features(self, source: Tensor, source_lengths: Tensor, target: Tensor) -> tuple[Tensor, Choices]:
        memory = self.encode(source, source_lengths)
        embedded = self.dropout(self.target_embedding(target))
        expected = torch.rand(len(source), 1, device=source.device) < self.expectation_share
        states, contexts, choices = self.decoder.sample(embedded, memory, expected)
        return self.read_out(embedded, states, contexts), choices

    def choice_loss(self, choices: Choices, log_likelihood: Tensor, real: Tensor) -> Tensor:
        """Eq. 12 but for its first term, turned round because a loss falls; moves the baseline."""
        tokens = real.sum(1)  # (B,)
        reward = log_likelihood.sum(1) / tokens  # log p(y | s), a token
        advantage = reward - self.baseline
        if self.training:
            self.baseline.mul_(0.9).add_(0.1 * reward.mean())
        log_probability = choices.log_probability.masked_fill(~real, 0).sum(1)  # log p(s)
        entropy = choices.entropy.masked_fill(~real, 0).sum()
        return -self.reward_weight * (advantage * log_probability).sum() - self.entropy_weight * entropy

    def read_out(self, embedded: Tensor, hidden: Tensor, context: Tensor) -> Tensor:
        """E y_{t-1} (..., m), h_t (..., D), z_t (..., 2 D) -> what L_o reads (..., m).  Eq. 7."""
        return self.dropout(embedded + self.readout_hidden(hidden) + self.readout_context(context))

    def logits(self, features: Tensor) -> Tensor:
        return self.output(features)

    def forward(self, source: Tensor, source_lengths: Tensor, target: Tensor) -> Tensor:
        return self.logits(self.features(source, source_lengths, target))

    def start(self, memory: State) -> State:
        alignment = torch.zeros_like(memory["real"], dtype=memory["keys"].dtype)
        return {"hidden": memory["hidden"], "cell": memory["cell"], "alignment": alignment}

    def step(self, tokens: Tensor, state: State, memory: State) -> tuple[Tensor, State]:
        embedded = self.dropout(self.target_embedding(tokens))  # (rows, m)
        before = state["hidden"], state["cell"]
        decoder: Any = self.decoder
        (hidden, cell), context, weights, _ = decoder.step(decoder.word(embedded), before, memory, decoder.reading.best)
        return self.logits(self.read_out(embedded, hidden, context)), {"hidden": hidden, "cell": cell, "alignment": weights}


ARCHITECTURE = Architecture(
    name="hard-attention",
    title="Stochastic hard attention",
    year=2015,
    paper="Xu et al.: Show, Attend and Tell: Neural Image Caption Generation with Visual Attention",
    link="https://arxiv.org/abs/1502.03044",
    task="translate",
    parents={"bahdanau": "reads every position for every word; one that is drawn and read alone can be enough"},
    differences=(
        "It translates: the annotations are the states of a bidirectional LSTM over a source sentence, not places of an image.",
        "The reward is log p(y | s) divided by the number of tokens: the paper's batches hold captions of one length, ours do not.",
        "Soft reading is without the gate beta and the doubly stochastic penalty of section 4.2.1, so that only the reading differs.",
        "The entropy term of eq. 12 stands in the loss of soft reading too, and of the sentences that hard reading reads by expectation.",
        "Each LSTM gate has two biases, as recurrent kernels hold them.",
        "A gradient asked of the likeliest place, outside training, is that of the expectation (straight-through).",
        "Weights start as torch.nn starts them, the baseline at -log V, which is the reward of a model that knows nothing.",
        "Adam on batches of equal token count: the paper takes RMSProp or Adam on 64 captions of one length.",
    ),
    sizes={
        "rnnsearch": Size(
            config={
                "source_vocabulary": 30_000,
                "target_vocabulary": 30_000,
                "embedding_width": 620,
                "width": 1000,
                "alignment_width": 1000,
            },
            weights=92_101_000,
            parameters=92_158_620,
            source="the widths of its parent, Bahdanau et al. 2014: the paper has images and prints no count; the sum over its matrices",
        ),
    },
    config=HardAttentionConfig,
    model=HardAttention,
    tiny={
        "source_vocabulary": 11,
        "target_vocabulary": 13,
        "embedding_width": 6,
        "width": 8,
        "alignment_width": 7,
    },
)
