"""A gated recurrence that attends before every step, over a whole target at once: the training path of Bahdanau's decoder.

    for each step i:   c_i = attend(s_{i-1}),   s_i = GRU(w_i + C c_i, s_{i-1})

Nothing but the state depends on the step before, so all that need not be in the loop is outside it: the products of the words come
in ready made, and the gradients of all weights are one matrix product each after the backward loop. The gradient is derived by hand
(first derivatives only); `gyebo.verification` holds it against a naive decoder, and the tests against autograd.

Letters: B batch, T target time, S source time, D state, A alignment network, M memory width (2 D for a bidirectional encoder).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd import Function

from gyebo.layers.attention import masked_softmax, read
from gyebo.layers.scans import over_time
from gyebo.layers.steps import gru_step

__all__ = ["AttentionWeights", "attention_gru_scan"]


class AttentionWeights(NamedTuple):
    """The weights of the recurrence, as the paper names them."""

    query: Tensor
    """W_a (A, D)"""
    energy: Tensor
    """v_a (1, A)"""
    context: Tensor
    """C (3 D, M), for gates r, z, n"""
    recurrent: Tensor
    """U (3 D, D)"""
    bias: Tensor
    """of U, (3 D,)"""


def attention_gru_scan(
    words: Tensor, hidden: Tensor, keys: Tensor, values: Tensor, real: Tensor, weights: AttentionWeights
) -> tuple[Tensor, Tensor]:
    """Run the recurrence over a target.

    words (B, T, 3 D): products of the target words, biases included; hidden s_0 (B, D); keys U_a h (B, S, A); values h (B, S, M);
    real (B, S), True at source words. Returns the states *before* each step, s_0 .. s_{T-1} (B, T, D), and the contexts (B, T, M).

    Under autocast the matrix products run in its precision, and the state and the attention weights stay in float32.
    """
    if torch.compiler.is_compiling():
        return _traceable(words, hidden, keys, values, real, weights)
    device = words.device.type
    reduced = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else hidden.dtype
    full = torch.float32 if reduced == torch.bfloat16 else hidden.dtype
    with torch.autocast(device, enabled=False):
        befores, contexts = _AttentionGRUScan.apply(
            words.transpose(0, 1).to(full), hidden.to(full), keys.to(full), values.to(full), real, *weights, reduced
        )
    return befores.transpose(0, 1), contexts.transpose(0, 1)


def _traceable(
    words: Tensor, hidden: Tensor, keys: Tensor, values: Tensor, real: Tensor, weights: AttentionWeights
) -> tuple[Tensor, Tensor]:
    """The same steps in a form that torch.compile can trace, and that torch.export keeps open in the length of the target."""

    def advance(hidden: Tensor, word: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        scores = torch.tanh((hidden @ weights.query.T).unsqueeze(1) + keys) @ weights.energy[0]
        context = read(masked_softmax(scores, real), values)
        following = gru_step(word + context @ weights.context.T, hidden, weights.recurrent, weights.bias)
        return following, (hidden.clone(), context)  # a traced loop may not hand out what it was given

    befores, contexts = over_time(advance, hidden, words)
    return befores, contexts


class _AttentionGRUScan(Function):
    """Time comes first: words (T, B, 3 D)."""

    @staticmethod
    def forward(
        ctx: Any,
        words: Tensor,
        hidden: Tensor,
        keys: Tensor,
        values: Tensor,
        real: Tensor,
        query: Tensor,
        energy: Tensor,
        context_weight: Tensor,
        recurrent: Tensor,
        bias: Tensor,
        reduced: torch.dtype,
    ) -> tuple[Tensor, Tensor]:
        steps, batch, width = len(words), len(hidden), hidden.shape[1]
        units = len(query)
        # one product serves the attention's query and the two gates that see the state itself
        from_state = torch.cat([query, recurrent[: 2 * width]]).to(reduced).T  # (D, A + 2 D)
        candidate = recurrent[2 * width :].to(reduced).T
        context_product = context_weight.to(reduced).T
        gate_bias, candidate_bias = bias[: 2 * width], bias[2 * width :]
        befores = hidden.new_empty(steps, batch, width)
        contexts = hidden.new_empty(steps, batch, values.shape[2])
        tanhs = hidden.new_empty(steps, batch, keys.shape[1], units)
        alphas = hidden.new_empty(steps, batch, keys.shape[1])
        gates = hidden.new_empty(steps, batch, 2 * width)  # r, z
        candidates = hidden.new_empty(steps, batch, width)
        for step in range(steps):
            befores[step] = hidden
            products = (hidden.to(reduced) @ from_state).to(hidden.dtype)
            scored = torch.add(keys, products[:, None, :units], out=tanhs[step]).tanh_()
            alphas[step] = masked_softmax((scored @ energy[0]), real)
            torch.bmm(alphas[step].unsqueeze(1), values, out=contexts[step].unsqueeze(1))
            inputs = words[step] + (contexts[step].to(reduced) @ context_product).to(hidden.dtype)
            torch.add(products[:, units:], inputs[:, : 2 * width], out=gates[step]).add_(gate_bias).sigmoid_()
            reset, update = gates[step].chunk(2, -1)
            past = ((reset * hidden).to(reduced) @ candidate).to(hidden.dtype).add_(candidate_bias)
            torch.add(past, inputs[:, 2 * width :], out=candidates[step]).tanh_()
            hidden = torch.lerp(candidates[step], hidden, update)
        ctx.save_for_backward(values, query, energy, context_weight, recurrent, befores, contexts, tanhs, alphas, gates, candidates)
        ctx.reduced = reduced
        return befores, contexts

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        before_gradients, context_gradients = gradients
        values, query, energy, context_weight, recurrent, befores, contexts, tanhs, alphas, gates, candidates = ctx.saved_tensors
        reduced: torch.dtype = ctx.reduced
        steps, batch, width = befores.shape
        to_state = torch.cat([query, recurrent[: 2 * width]]).to(reduced)  # (A + 2 D, D)
        candidate = recurrent[2 * width :].to(reduced)
        context_product = context_weight.to(reduced)
        units = len(query)
        hidden_gradient = torch.zeros_like(befores[0])  # of s_i, from the steps after it; the last state is not an output
        word_gradients = befores.new_empty(steps, batch, 3 * width)
        query_gradients = befores.new_empty(steps, batch, units)
        attended_gradients = torch.empty_like(contexts)
        score_gradients = torch.empty_like(alphas)
        energy_gradient = torch.zeros_like(energy[0])
        squared, key_gradient = torch.empty_like(tanhs[0]), torch.zeros_like(tanhs[0])
        for step in range(steps - 1, -1, -1):
            hidden, (reset, update), proposal = befores[step], gates[step].chunk(2, -1), candidates[step]
            of_gates = word_gradients[step]
            of_candidate = torch.mul(hidden_gradient * (1 - update), 1 - proposal * proposal, out=of_gates[:, 2 * width :])
            of_reset_hidden = (of_candidate.to(reduced) @ candidate).to(hidden.dtype)
            torch.mul(of_reset_hidden * hidden, reset * (1 - reset), out=of_gates[:, :width])
            torch.mul(hidden_gradient * (hidden - proposal), update * (1 - update), out=of_gates[:, width : 2 * width])
            hidden_gradient = torch.addcmul(hidden_gradient * update, of_reset_hidden, reset)

            of_context = (of_gates.to(reduced) @ context_product).to(hidden.dtype)
            torch.add(of_context, context_gradients[step], out=attended_gradients[step])
            of_alpha = torch.bmm(values, attended_gradients[step].unsqueeze(2)).squeeze(2)
            weighted = alphas[step] * of_alpha
            of_score = torch.sub(weighted, alphas[step] * weighted.sum(-1, keepdim=True), out=score_gradients[step])
            scored = tanhs[step]
            energy_gradient += torch.bmm(of_score.unsqueeze(1), scored).sum((0, 1))
            torch.mul(scored, scored, out=squared)
            flat = of_score.sum(-1, keepdim=True) - torch.bmm(of_score.unsqueeze(1), squared).squeeze(1)
            torch.mul(flat, energy[0], out=query_gradients[step])
            key_gradient.addcmul_(of_score.unsqueeze(2), squared)
            of_products = torch.cat([query_gradients[step], of_gates[:, : 2 * width]], -1)
            hidden_gradient += (of_products.to(reduced) @ to_state).to(hidden.dtype)
            hidden_gradient += before_gradients[step]
        # 1 - tanh^2, summed over the steps: the part with tanh^2 was gathered above
        key_gradient = (score_gradients.sum(0).unsqueeze(2) - key_gradient) * energy[0]
        value_gradient = torch.bmm(alphas.permute(1, 2, 0), attended_gradients.transpose(0, 1))  # (B, S, M)

        def over_steps(of_output: Tensor, inputs: Tensor) -> Tensor:
            return (of_output.flatten(0, 1).to(reduced).T @ inputs.flatten(0, 1).to(reduced)).to(of_output.dtype)

        of_states = over_steps(torch.cat([query_gradients, word_gradients[..., : 2 * width]], -1), befores)
        of_candidates = over_steps(word_gradients[..., 2 * width :], gates[..., :width] * befores)
        return (
            word_gradients,
            hidden_gradient,
            key_gradient,
            value_gradient,
            None,
            of_states[:units],
            energy_gradient.unsqueeze(0),
            over_steps(word_gradients, contexts),
            torch.cat([of_states[units:], of_candidates]),
            word_gradients.sum((0, 1)),
            None,
        )
