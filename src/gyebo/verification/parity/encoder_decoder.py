"""Translators with one vector for the source: the papers' equations again, and for the LSTM an assembly of torch.nn layers."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from gyebo.verification.parity.case import Answer, ParityCase, Weights

__all__ = ["CASES"]


def cho_2014(weights: Weights, config: Any, example: tuple[list[int], ...]) -> Answer:
    """Cho et al. 2014, arXiv 1406.1078v3, appendix A.1, one vector after the other.

    The paper's letters: W, U, C with an index for the gate, V, O, G; primes (the decoder's) are spelled `decoder`.
    """
    source, target = example
    width = config.width
    e_source, e_target = weights["source_embedding.weight"], weights["target_embedding.weight"]

    # A.1.1, the encoder
    encoder_input, encoder_bias = weights["encoder.weight_ih_l0"], weights["encoder.bias_ih_l0"]
    encoder_recurrent, encoder_recurrent_bias = weights["encoder.weight_hh_l0"], weights["encoder.bias_hh_l0"]
    w_r, w_z, w = encoder_input[:width], encoder_input[width : 2 * width], encoder_input[2 * width :]
    u_r, u_z, u = encoder_recurrent[:width], encoder_recurrent[width : 2 * width], encoder_recurrent[2 * width :]
    bias = encoder_bias + encoder_recurrent_bias
    h = w.new_zeros(width)
    for x in source:
        r = torch.sigmoid(w_r @ e_source[x] + u_r @ h + bias[:width])
        z = torch.sigmoid(w_z @ e_source[x] + u_z @ h + bias[width : 2 * width])
        h_tilde = torch.tanh(w @ e_source[x] + u @ (r * h) + bias[2 * width :])
        h = z * h + (1 - z) * h_tilde
    c = torch.tanh(weights["summary.weight"] @ h + weights["summary.bias"])  # V

    # A.1.2, the decoder
    h = torch.tanh(weights["first_state.weight"] @ c + weights["first_state.bias"])  # V'
    word, word_bias = weights["decoder.word.weight"], weights["decoder.word.bias"]
    summary, summary_bias = weights["decoder.summary.weight"], weights["decoder.summary.bias"]
    recurrent = weights["decoder.recurrent.weight"]
    readout, readout_bias = weights["readout.weight"], weights["readout.bias"]
    o_h, o_c, o_y = readout[:, :width], readout[:, width : 2 * width], readout[:, 2 * width :]
    logits = []
    for y in target:
        from_word = [part @ e_target[y] + b for part, b in zip(word.chunk(3), word_bias.chunk(3), strict=True)]
        from_summary = [part @ c + b for part, b in zip(summary.chunk(3), summary_bias.chunk(3), strict=True)]
        from_past = [part @ h for part in recurrent.chunk(3)]
        r = torch.sigmoid(from_word[0] + from_past[0] + from_summary[0])
        z = torch.sigmoid(from_word[1] + from_past[1] + from_summary[1])
        h_tilde = torch.tanh(from_word[2] + r * (from_past[2] + from_summary[2]))
        h = z * h + (1 - z) * h_tilde
        s_prime = o_h @ h + o_y @ e_target[y] + o_c @ c + readout_bias
        s = torch.stack([torch.maximum(s_prime[2 * i], s_prime[2 * i + 1]) for i in range(len(s_prime) // 2)])
        logits.append(weights["output.weight"] @ (weights["output_rank.weight"] @ s) + weights["output.bias"])
    return {"logits": torch.stack(logits)}


def sutskever_2014(weights: Weights, config: Any, example: tuple[list[int], ...]) -> Answer:
    """Sutskever et al. 2014, sections 2 and 3.3, with the LSTM of Graves 2013 (without peepholes) written out."""
    source, target = example
    *words, end = source
    zeros = weights["output.weight"].new_zeros(config.width)
    states = [(zeros, zeros) for _ in range(config.num_layers)]
    for x in [*reversed(words), end]:
        _, states = _lstm_stack(weights, "encoder", weights["source_embedding.weight"][x], states)
    logits = []
    for y in target:
        top, states = _lstm_stack(weights, "decoder", weights["target_embedding.weight"][y], states)
        logits.append(weights["output.weight"] @ top + weights["output.bias"])
    return {"logits": torch.stack(logits)}


def _lstm_stack(
    weights: Weights, name: str, x: Tensor, states: list[tuple[Tensor, Tensor]]
) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
    """One step of every layer; each reads the h of the one below."""
    following = []
    for layer, (h, c) in enumerate(states):
        products = weights[f"{name}.weight_ih_l{layer}"] @ x + weights[f"{name}.bias_ih_l{layer}"]
        products = products + weights[f"{name}.weight_hh_l{layer}"] @ h + weights[f"{name}.bias_hh_l{layer}"]
        i, f, g, o = products.chunk(4)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        following.append((h, c))
        x = h
    return x, following


class TorchSeq2Seq(nn.Module):
    """Sutskever et al. 2014 put together from torch.nn, with the parameter names of ours."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.source_embedding = nn.Embedding(config.source_vocabulary, config.embedding_width)
        self.target_embedding = nn.Embedding(config.target_vocabulary, config.embedding_width)
        self.encoder = nn.LSTM(config.embedding_width, config.width, config.num_layers)
        self.decoder = nn.LSTM(config.embedding_width, config.width, config.num_layers)
        self.output = nn.Linear(config.width, config.target_vocabulary)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """source (S,) with its end mark, target (T,) -> logits (T, V)."""
        backwards = torch.cat([source[:-1].flip(0), source[-1:]])
        _, state = self.encoder(self.source_embedding(backwards))
        hidden, _ = self.decoder(self.target_embedding(target), state)
        return self.output(hidden)


def torch_seq2seq(weights: Weights, config: Any, example: tuple[list[int], ...]) -> Answer:
    """One sentence pair through `TorchSeq2Seq` with these weights."""
    source, target = (torch.tensor(numbers) for numbers in example)
    model = TorchSeq2Seq(config).to(weights["output.weight"].dtype)
    return {"logits": functional_call(model, dict(weights), (source, target), strict=True)}


CASES = (
    ParityCase(
        architecture="rnn-encoder-decoder",
        reference="Cho et al. 2014, appendix A.1, sentence by sentence",
        answer=cho_2014,
    ),
    ParityCase(
        architecture="seq2seq",
        reference="Sutskever et al. 2014, LSTM equations, sentence by sentence",
        answer=sutskever_2014,
    ),
    ParityCase(architecture="seq2seq", reference="torch.nn.LSTM, Embedding and Linear", answer=torch_seq2seq),
)
