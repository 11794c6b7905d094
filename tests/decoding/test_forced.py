"""Forced decoding is what decoding step by step adds up, for every kind of translator."""

from __future__ import annotations

import pytest
import torch

from gyebo.config import from_mapping
from gyebo.decoding import DecodingConfig, beam_search, score
from gyebo.decoding.forced import ROWS_AT_ONCE
from gyebo.genealogy import architecture
from gyebo.models.interfaces import BEGIN, END

SOURCE, SOURCE_LENGTHS = torch.tensor([[5, 6, 4, 3], [7, 3, 0, 0]]), torch.tensor([4, 2])


def tiny(name: str):
    entry = architecture(name)
    torch.manual_seed(0)
    return entry.model(from_mapping(entry.config, entry.tiny)).eval()


@pytest.mark.parametrize("name", ["bahdanau", "rnn-encoder-decoder", "transformer"])
def test_the_sum_is_that_of_single_steps(name):
    model = tiny(name)
    target, lengths = torch.tensor([[4, 9, 1, 10, END], [8, END, 0, 0, 0]]), torch.tensor([5, 2])
    found = score(model, SOURCE, SOURCE_LENGTHS, target, lengths)
    assert torch.equal(found == 0, torch.arange(5) >= lengths[:, None])
    with torch.inference_mode():
        memory = model.encode(SOURCE, SOURCE_LENGTHS)
        state, before = model.start(memory), torch.full((2,), BEGIN)
        for position in range(5):
            logits, state = model.step(before, state, memory)
            before = target[:, position]
            step = logits.log_softmax(-1).gather(1, before[:, None]).squeeze(1)
            for row in range(2):
                if position < lengths[row]:
                    assert float(found[row, position]) == pytest.approx(float(step[row]), abs=1e-5)


@pytest.mark.parametrize("name", ["bahdanau", "transformer"])
def test_what_a_search_finds_has_the_probability_that_it_says(name):
    model = tiny(name)
    config = DecodingConfig(beam=3, length_ratio=0.0, length_margin=30)  # longer than the first buffers of a cache
    for row, hypotheses in enumerate(beam_search(model, SOURCE, SOURCE_LENGTHS, config)):
        size = int(SOURCE_LENGTHS[row])
        for item in hypotheses:
            tokens = torch.tensor([item.tokens])
            found = score(
                model, SOURCE[row : row + 1, :size], SOURCE_LENGTHS[row : row + 1], tokens, torch.tensor([len(item.tokens)])
            )
            assert float(found.sum()) == pytest.approx(item.log_probability, abs=1e-4)


def test_many_tokens_are_scored_in_parts():
    model = tiny("transformer")
    rows = ROWS_AT_ONCE // 4 + 3
    target = torch.randint(4, 13, (rows, 4), generator=torch.Generator().manual_seed(0))
    source, lengths = SOURCE[:1].expand(rows, -1), SOURCE_LENGTHS[:1].expand(rows)
    together = score(model, source, lengths, target, torch.full((rows,), 4))
    alone = score(model, source[-1:], lengths[-1:], target[-1:], torch.tensor([4]))
    torch.testing.assert_close(together[-1:], alone, rtol=0, atol=1e-5)
