"""RNNsearch: translation that learns to align.  Bahdanau, Cho, Bengio 2014, arXiv 1409.0473.

The encoder reads the sentence in both directions; the decoder, before each word, looks for the positions that matter:

    h_j = [forward GRU; backward GRU]                                     section 3.2
    s_0 = tanh(W_s backward h_1)                                          appendix A.2.2
    e_ij = v_a^T tanh(W_a s_{i-1} + U_a h_j),  alpha_i = softmax(e_i)     eq. 6, appendix A.1.2
    c_i = sum_j alpha_ij h_j                                              eq. 5
    s_i = GRU(E y_{i-1}, s_{i-1}, c_i)                                    appendix A.2.2
    t_i = maxout(U_o s_{i-1} + V_o E y_{i-1} + C_o c_i),  p(y_i) ~ exp(W_o t_i)

Both the alignment and the read-out see s_{i-1}, the state before this word.

| part | in the paper | here |
|---|---|---|
| word vectors | m = 620 | embedding_width |
| hidden units, each direction and decoder | n = 1000 | width |
| alignment network | n' = 1000 | alignment_width |
| maxout layer | l = 500, pooling pairs | readout_width |
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gyebo.genealogy import Architecture, Size
from gyebo.layers.attention import AdditiveAttention
from gyebo.layers.attention_scan import AttentionWeights, attention_gru_scan
from gyebo.layers.dropout import Dropout
from gyebo.layers.maxout import maxout
from gyebo.layers.recurrent import GRU
from gyebo.layers.sequence import real_positions
from gyebo.layers.steps import gru_step
from gyebo.layers.unrolled import Gates, gru_gates
from gyebo.models.interfaces import PADDING, State


@dataclass(frozen=True, kw_only=True)
class BahdanauConfig:
    source_vocabulary: int
    target_vocabulary: int
    embedding_width: int = 256
    width: int = 256  # D
    alignment_width: int = 256  # A
    readout_width: int = 256
    dropout: float = 0.0


class AttentionDecoder(nn.Module):
    """The decoder's recurrence: look at the source, then move the state.  Appendix A.2.2."""

    def __init__(self, config: BahdanauConfig) -> None:
        super().__init__()
        memory_width = 2 * config.width
        self.first_state = nn.Linear(config.width, config.width)  # W_s
        self.attention = AdditiveAttention(config.width, memory_width, config.alignment_width)
        self.word = nn.Linear(config.embedding_width, 3 * config.width)  # W, W_z, W_r
        self.context = nn.Linear(memory_width, 3 * config.width, bias=False)  # C, C_z, C_r
        self.recurrent = nn.Linear(config.width, 3 * config.width)  # U, U_z, U_r

    def step(self, word: Tensor, hidden: Tensor, memory: State) -> tuple[Tensor, Tensor, Tensor]:
        """word (B, 3D) = self.word(E y_{i-1}), hidden s_{i-1} (B, D) -> s_i (B, D), c_i (B, 2D), alpha_i (B, S)."""
        context, weights = self.attention(hidden, memory["keys"], memory["values"], memory["real"])
        gates = word + self.context(context)
        return gru_step(gates, hidden, self.recurrent.weight, self.recurrent.bias), context, weights

    def forward(self, embedded: Tensor, hidden: Tensor, memory: State) -> tuple[Tensor, Tensor]:
        """`step` for every word of a target.

        embedded (B, T, m), hidden s_0 (B, D) -> the states before each word (B, T, D), the contexts (B, T, 2D).
        """
        attention = self.attention
        weights = AttentionWeights(
            attention.query.weight,
            attention.energy.weight,
            self.context.weight,
            self.recurrent.weight,
            self.recurrent.bias,
        )
        return attention_gru_scan(self.word(embedded), hidden, memory["keys"], memory["values"], memory["real"], weights)

    def inside(self, embedded: Tensor, hidden: Tensor, memory: State) -> tuple[tuple[Tensor, Tensor], Gates]:
        """`forward` step by step: the same outputs, and the gates (B, T, D) and the alignment (B, T, S) of each step."""
        befores, contexts, parts = [], [], []
        for word in self.word(embedded).unbind(1):
            befores.append(hidden)
            context, weights = self.attention(hidden, memory["keys"], memory["values"], memory["real"])
            products = word + self.context(context)
            (hidden,), gates = gru_gates(products, (hidden,), self.recurrent.weight, self.recurrent.bias)
            contexts.append(context)
            parts.append(gates | {"alignment": weights})
        over_time = {name: torch.stack([each[name] for each in parts], 1) for name in parts[0]}
        return (torch.stack(befores, 1), torch.stack(contexts, 1)), over_time


class Bahdanau(nn.Module):
    """The translator; a `gyebo.models.interfaces.Translator`."""

    def __init__(self, config: BahdanauConfig) -> None:
        super().__init__()
        self.source_embedding = nn.Embedding(config.source_vocabulary, config.embedding_width, PADDING)
        self.target_embedding = nn.Embedding(config.target_vocabulary, config.embedding_width, PADDING)
        self.dropout = Dropout(config.dropout)
        self.encoder = GRU(config.embedding_width, config.width, bidirectional=True)
        self.decoder = AttentionDecoder(config)
        self.readout = nn.Linear(3 * config.width + config.embedding_width, 2 * config.readout_width)  # U_o, C_o, V_o
        self.output = nn.Linear(config.readout_width, config.target_vocabulary)  # W_o

    def encode(self, source: Tensor, source_lengths: Tensor) -> State:
        embedded = self.dropout(self.source_embedding(source))  # (B, S, m)
        values, final = self.encoder(embedded, source_lengths)  # (B, S, 2D), (2, B, D)
        first = torch.tanh(self.decoder.first_state(final[1]))  # the backward pass ends at the first word
        keys = self.decoder.attention.key(values)  # (B, S, A), once for a sentence
        return {"values": values, "keys": keys, "real": real_positions(source_lengths, source.shape[1]), "first": first}

    def features(self, source: Tensor, source_lengths: Tensor, target: Tensor) -> Tensor:
        memory = self.encode(source, source_lengths)
        embedded = self.dropout(self.target_embedding(target))  # (B, T, m)
        befores, contexts = self.decoder(embedded, memory["first"], memory)
        return self.read_out(befores, contexts, embedded)

    def read_out(self, before: Tensor, context: Tensor, embedded: Tensor) -> Tensor:
        """s_{i-1} (..., D), c_i (..., 2D), E y_{i-1} (..., m) -> the maxout layer t_i (..., l)."""
        return self.dropout(maxout(self.readout(torch.cat([before, context, embedded], -1))))

    def logits(self, features: Tensor) -> Tensor:
        return self.output(features)

    def forward(self, source: Tensor, source_lengths: Tensor, target: Tensor) -> Tensor:
        return self.logits(self.features(source, source_lengths, target))

    def start(self, memory: State) -> State:
        return {"hidden": memory["first"], "alignment": torch.zeros_like(memory["real"], dtype=memory["keys"].dtype)}

    def step(self, tokens: Tensor, state: State, memory: State) -> tuple[Tensor, State]:
        embedded = self.dropout(self.target_embedding(tokens))  # (B, m)
        hidden, context, weights = self.decoder.step(self.decoder.word(embedded), state["hidden"], memory)
        logits = self.logits(self.read_out(state["hidden"], context, embedded))
        return logits, {"hidden": hidden, "alignment": weights}


ARCHITECTURE = Architecture(
    name="bahdanau",
    title="RNNsearch: translation with additive attention",
    year=2014,
    paper="Bahdanau, Cho, Bengio: Neural Machine Translation by Jointly Learning to Align and Translate",
    link="https://arxiv.org/abs/1409.0473",
    task="translate",
    parents={
        "rnn-encoder-decoder": "one fixed vector has to hold a sentence of any length",
        "seq2seq": "the last states of its LSTMs have to hold a sentence of any length",
    },
    differences=(
        "Biases are there in every affine map, two in a recurrent one: the paper leaves them out of its formulas 'to increase"
        " readability', and two are what recurrent kernels hold.",
        "The update gate keeps the old state at 1, as in Cho et al. 2014; the paper's letter z is its complement.",
        "Dropout on word vectors and read-out, off by default: small corpora over-fit without it.",
        "Weights start as torch.nn starts them: the paper's N(0, 0.01^2) with v_a = 0 hardly moves in a short run with Adam.",
        "Trained by Adam on batches of equal token count instead of Adadelta on 80 sentences: the same optimum, sooner.",
    ),
    sizes={
        "paper": Size(
            config={
                "source_vocabulary": 30_000,
                "target_vocabulary": 30_000,
                "embedding_width": 620,
                "width": 1000,
                "alignment_width": 1000,
                "readout_width": 500,
            },
            weights=80_401_000,
            parameters=80_452_000,
            source="appendix A and table of sizes; the paper prints no count, this is the sum over its matrices",
        ),
    },
    config=BahdanauConfig,
    model=Bahdanau,
    tiny={
        "source_vocabulary": 11,
        "target_vocabulary": 13,
        "embedding_width": 6,
        "width": 8,
        "alignment_width": 7,
        "readout_width": 5,
    },
)
