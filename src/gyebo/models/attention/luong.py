"""Luong's translator: attention after the recurrent step.  Luong, Pham, Manning 2015, arXiv 1508.04025.

Two stacks of LSTMs as in sequence to sequence, the source read backwards and the decoder begun with the encoder's last states. The
path through a step is h_t -> a_t -> c_t -> htilde_t: the top state h_t that has just read the last word looks for its own context.

    a_t(s) = align(h_t, h_s)                                 eq. 7: a score and a window, gyebo.layers.luong_attention
    c_t = sum_s a_t(s) h_s
    htilde_t = tanh(W_c [c_t; h_t])                          eq. 5
    p(y_t | y_<t, x) = softmax(W_s htilde_t)                 eq. 6
    input feeding: the first layer's next input is [E y_t; htilde_t]                   section 3.3

The encoder reads the words from the last to the first (the end mark stays at the end), which is the paper's own choice. Its states
are then put back in the order of the sentence: h_s belongs to word s as it was written. Positions are counted in that order from 0,
so p_t = t of a local-m window is the word at the same place, and S sigmoid(...) of a local-p one a share of the way through the
sentence.

| part | in the paper | here |
|---|---|---|
| layers, of encoder and decoder each | 4 | num_layers |
| cells, and width of word vectors | 1000, 1000 | width, embedding_width |
| D, half of a local window | 10 | half_window |
| vocabularies | 50,000 each | source_vocabulary, target_vocabulary |
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from gyebo.genealogy import Architecture, Size
from gyebo.layers.dropout import Dropout
from gyebo.layers.input_feeding import fed_lstm, fed_lstm_inside
from gyebo.layers.luong_attention import (
    Aligned,
    ConcatScore,
    DotScore,
    GeneralScore,
    GlobalWindow,
    LocationScore,
    MonotonicWindow,
    PredictiveWindow,
)
from gyebo.layers.recurrent import LSTM
from gyebo.layers.sequence import real_positions, reverse_words
from gyebo.layers.unrolled import Gates, unroll
from gyebo.models.interfaces import PADDING, State


@dataclass(frozen=True, kw_only=True)
class LuongConfig:
    source_vocabulary: int
    target_vocabulary: int
    embedding_width: int = 256
    width: int = 256  # D
    num_layers: int = 2
    score: Literal["dot", "general", "concat", "location"] = "general"
    window: Literal["global", "local-m", "local-p"] = "global"
    half_window: int = 10
    """how far a local window reaches to each side of its centre, in source tokens"""
    input_feeding: bool = True
    max_source: int = 200
    """the most source tokens that a location score has weights for"""
    dropout: float = 0.0

    def __post_init__(self) -> None:
        if self.half_window < 1 or self.max_source < 1:
            raise ValueError(f"half_window={self.half_window} and max_source={self.max_source} must be at least 1 token each.")


SCORES: dict[str, Callable[[LuongConfig], nn.Module]] = {
    "dot": lambda config: DotScore(),
    "general": lambda config: GeneralScore(config.width),
    "concat": lambda config: ConcatScore(config.width),
    "location": lambda config: LocationScore(config.width, config.max_source),
}

WINDOWS: dict[str, Callable[[LuongConfig], nn.Module]] = {
    "global": lambda config: GlobalWindow(),
    "local-m": lambda config: MonotonicWindow(config.half_window),
    "local-p": lambda config: PredictiveWindow(config.width, config.half_window),
}


class AttentionalLayer(nn.Module):
    """From h_t by way of a_t and c_t to htilde_t.  Section 3, eq. 5."""

    def __init__(self, config: LuongConfig) -> None:
        super().__init__()
        self.score: Any = SCORES[config.score](config)  # a Score
        self.window: Any = WINDOWS[config.window](config)  # a Window
        self.combine = nn.Linear(2 * config.width, config.width, bias=False)  # W_c

    def forward(self, hidden: Tensor, times: Tensor, memory: State) -> tuple[Tensor, Aligned]:
        """h_t (B, T, D), the steps t (B or 1, T) -> htilde_t (B, T, D), a_t and p_t."""
        aligned = self.window(self.score(hidden, memory["keys"]), hidden, times, memory["real"])
        context = torch.bmm(aligned.weights, memory["values"])  # (B, T, D)
        return torch.tanh(self.combine(torch.cat([context, hidden], -1))), aligned


class Decoder(nn.Module):
    """Without input feeding: no step of the LSTMs waits for an attention, so a whole target is computed at once."""

    def __init__(self, config: LuongConfig) -> None:
        super().__init__()
        self.lstm = LSTM(config.embedding_width, config.width, num_layers=config.num_layers, dropout=config.dropout)
        self.attentional = AttentionalLayer(config)

    def forward(self, embedded: Tensor, memory: State) -> Tensor:
        """Words E y (B, T, m) -> htilde (B, T, D)."""
        hidden, _ = self.lstm(embedded, state=first_state(memory))
        return self.attentional(hidden, times_of(embedded), memory)[0]

    def inside(self, embedded: Tensor, memory: State) -> tuple[Tensor, Gates]:
        """`forward` with a_t, p_t and the gates of each layer, "l0.input" and so on."""
        stack = unroll(self.lstm, embedded, state=first_state(memory))
        output, aligned = self.attentional(stack.outputs, times_of(embedded), memory)
        gates = {f"{layer}.{name}": gate for layer, each in stack.scans.items() for name, gate in each.gates.items()}
        return output, gates | alignment_parts(aligned)

    def step(self, embedded: Tensor, state: State, memory: State) -> tuple[Tensor, State]:
        """One word of each row, (rows, m) -> htilde (rows, D) and the state after it."""
        return decoder_step(self.lstm, self.attentional, embedded, state, memory)


class InputFeedingDecoder(nn.Module):
    """With input feeding, section 3.3: the first layer reads [E y_t; htilde_{t-1}], so that it knows what was attended before."""

    def __init__(self, config: LuongConfig) -> None:
        super().__init__()
        fed_width = config.embedding_width + config.width
        self.lstm = LSTM(fed_width, config.width, num_layers=config.num_layers, dropout=config.dropout)
        self.attentional = AttentionalLayer(config)

    def forward(self, embedded: Tensor, memory: State) -> Tensor:
        """Words E y (B, T, m) -> htilde (B, T, D)."""

        def attend(hidden: Tensor, time: Tensor) -> Tensor:
            return self.attentional(hidden, time, memory)[0]

        return fed_lstm(self.lstm, embedded, first_state(memory), attend)

    def inside(self, embedded: Tensor, memory: State) -> tuple[Tensor, Gates]:
        """As `Decoder.inside`."""
        parts = []

        def attend(hidden: Tensor, time: Tensor) -> Tensor:
            vector, aligned = self.attentional(hidden, time, memory)
            parts.append(alignment_parts(aligned))
            return vector

        output, gates = fed_lstm_inside(self.lstm, embedded, first_state(memory), attend)
        return output, gates | {name: torch.cat([each[name] for each in parts], 1) for name in parts[0]}

    def step(self, embedded: Tensor, state: State, memory: State) -> tuple[Tensor, State]:
        """One word of each row, (rows, m) -> htilde (rows, D) and the state after it."""
        return decoder_step(self.lstm, self.attentional, torch.cat([embedded, state["attentional"]], -1), state, memory)


def first_state(memory: State) -> tuple[Tensor, Tensor]:
    """The encoder's last states as the LSTM takes them: (layers, B, D) each."""
    return memory["hidden"].transpose(0, 1).contiguous(), memory["cell"].transpose(0, 1).contiguous()


def times_of(embedded: Tensor) -> Tensor:
    """The steps of a target, 0 .. T - 1: (B, T, m) -> (1, T)."""
    return torch.arange(embedded.shape[1], device=embedded.device).unsqueeze(0)


def decoder_step(lstm: LSTM, attentional: AttentionalLayer, inputs: Tensor, state: State, memory: State) -> tuple[Tensor, State]:
    """One step of the LSTMs and the attention after it: inputs (rows, I) -> htilde (rows, D) and the new state."""
    before = state["hidden"].transpose(0, 1), state["cell"].transpose(0, 1)
    output, (hidden, cell) = lstm.step(inputs, before)
    sentences = len(memory["real"])  # in a beam, the hypotheses of a sentence are the queries of one row of the memory
    queries, times = output.unflatten(0, (sentences, -1)), state["time"].unflatten(0, (sentences, -1))
    vectors, aligned = attentional(queries, times, memory)
    following = {
        "hidden": hidden.transpose(0, 1),
        "cell": cell.transpose(0, 1),
        "attentional": vectors.flatten(0, 1),
        "time": state["time"] + 1,
        "alignment": aligned.weights.flatten(0, 1),
    }
    return following["attentional"], following


def alignment_parts(aligned: Aligned) -> Gates:
    """What a view shows of an attention: a_t, and p_t where there is one."""
    return {"alignment": aligned.weights} | ({} if aligned.centre is None else {"centre": aligned.centre})


DECODERS: dict[bool, type[Decoder] | type[InputFeedingDecoder]] = {False: Decoder, True: InputFeedingDecoder}
"""whether htilde is fed to the next step -> the decoder"""


def start(memory: State) -> State:
    """The state before the first word, where there is no htilde yet: zeros stand for it."""
    hidden, real = memory["hidden"], memory["real"]
    return {
        "hidden": hidden,
        "cell": memory["cell"],
        "attentional": torch.zeros_like(hidden[:, 0]),
        "time": torch.zeros_like(real[:, 0], dtype=torch.long),
        "alignment": torch.zeros_like(real, dtype=hidden.dtype),
    }


class Luong(nn.Module):
    """The translator; a `gyebo.models.interfaces.Translator`."""

    def __init__(self, config: LuongConfig) -> None:
        super().__init__()
        self.source_embedding = nn.Embedding(config.source_vocabulary, config.embedding_width, PADDING)
        self.target_embedding = nn.Embedding(config.target_vocabulary, config.embedding_width, PADDING)
        self.dropout = Dropout(config.dropout)
        self.encoder = LSTM(config.embedding_width, config.width, num_layers=config.num_layers, dropout=config.dropout)
        self.decoder = DECODERS[config.input_feeding](config)
        self.output = nn.Linear(config.width, config.target_vocabulary, bias=False)  # W_s

    def encode(self, source: Tensor, source_lengths: Tensor) -> State:
        backwards = reverse_words(source, source_lengths)
        states, (hidden, cell) = self.encoder(self.dropout(self.source_embedding(backwards)), source_lengths)
        values = unreverse(states, source_lengths)  # (B, S, D)
        return {
            "values": values,
            "keys": self.decoder.attentional.score.keys(values),
            "real": real_positions(source_lengths, source.shape[1]),
            "hidden": hidden.transpose(0, 1),  # (B, layers, D)
            "cell": cell.transpose(0, 1),
        }

    def features(self, source: Tensor, source_lengths: Tensor, target: Tensor) -> Tensor:
        memory = self.encode(source, source_lengths)
        return self.dropout(self.decoder(self.dropout(self.target_embedding(target)), memory))

    def logits(self, features: Tensor) -> Tensor:
        return self.output(features)

    def forward(self, source: Tensor, source_lengths: Tensor, target: Tensor) -> Tensor:
        return self.logits(self.features(source, source_lengths, target))

    def start(self, memory: State) -> State:
        return start(memory)

    def step(self, tokens: Tensor, state: State, memory: State) -> tuple[Tensor, State]:
        vector, state = self.decoder.step(self.dropout(self.target_embedding(tokens)), state, memory)
        return self.logits(self.dropout(vector)), state


def unreverse(states: Tensor, lengths: Tensor) -> Tensor:
    """What was computed over `reverse_words`, in the order of the sentence again: (B, S, D), (B,) -> (B, S, D)."""
    positions = torch.arange(states.shape[1], device=states.device).expand(states.shape[:2])
    return states.gather(1, reverse_words(positions, lengths).unsqueeze(-1).expand_as(states))


ARCHITECTURE = Architecture(
    name="luong",
    title="Global and local attention",
    year=2015,
    paper="Luong, Pham, Manning: Effective Approaches to Attention-based Neural Machine Translation",
    link="https://arxiv.org/abs/1508.04025",
    task="translate",
    parents={
        "bahdanau": "a network scores every source position before every word; a product of two states costs less, and a window can do",
    },
    differences=(
        "Each LSTM gate has two biases, as recurrent kernels hold them.",
        "The end mark of a source stays at its end when the words are reversed, as in sequence to sequence.",
        "Positions are counted from 0, and a local-m window stays at the last one behind the end of a source: the paper does not say.",
        "The paper's concat score ran with the source's half of W_a fixed to the identity; here it is learned.",
        "A location score has weights for max_source positions: longer sources are refused.",
        "Before the first word, zeros stand for the vector that is fed.",
        "Weights start as torch.nn starts them, and Adam trains, instead of U(-0.1, 0.1) and SGD at 1 halved every epoch after the fifth.",
    ),
    sizes={
        "global-general": Size(
            config={
                "source_vocabulary": 50_000,
                "target_vocabulary": 50_000,
                "embedding_width": 1000,
                "width": 1000,
                "num_layers": 4,
                "score": "general",
                "window": "global",
                "input_feeding": True,
            },
            weights=221_000_000,
            parameters=221_064_000,
            source="section 4.1: the paper prints no count, this is the sum over its matrices",
        ),
        "local-p-general": Size(
            config={
                "source_vocabulary": 50_000,
                "target_vocabulary": 50_000,
                "embedding_width": 1000,
                "width": 1000,
                "num_layers": 4,
                "score": "general",
                "window": "local-p",
                "input_feeding": True,
            },
            weights=222_001_000,
            parameters=222_065_000,
            source="section 4.1, its best single model: the paper prints no count, this is the sum over its matrices",
        ),
    },
    config=LuongConfig,
    model=Luong,
    tiny={
        "source_vocabulary": 11,
        "target_vocabulary": 13,
        "embedding_width": 6,
        "width": 8,
        "num_layers": 2,
        "window": "local-p",
        "half_window": 3,
    },
)
