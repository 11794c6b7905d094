import torch
from hypothesis import given
from hypothesis import strategies as st

from gyebo.layers.sequence import last_real, real_positions, reverse_words

lengths_strategy = st.lists(st.integers(1, 9), min_size=1, max_size=5)


@given(lengths_strategy)
def test_reversing_words_twice_gives_the_sentence_again(lengths: list[int]) -> None:
    tokens = torch.arange(1, len(lengths) * max(lengths) + 1).view(len(lengths), -1)
    counts = torch.tensor(lengths)
    once = reverse_words(tokens, counts)
    assert torch.equal(reverse_words(once, counts), tokens)
    for row, length in enumerate(lengths):
        assert once[row, : length - 1].tolist() == tokens[row, : length - 1].tolist()[::-1]
        assert once[row, length - 1 :].tolist() == tokens[row, length - 1 :].tolist(), "the end mark and the padding stay"


@given(lengths_strategy)
def test_real_positions_count_the_lengths(lengths: list[int]) -> None:
    real = real_positions(torch.tensor(lengths), max(lengths))
    assert real.sum(-1).tolist() == lengths
    assert (real.int().diff(dim=-1) <= 0).all(), "padding stands at the end"


def test_last_real_takes_each_rows_own_end() -> None:
    sequence = torch.arange(12.0).view(2, 3, 2)
    assert last_real(sequence, torch.tensor([1, 3])).tolist() == [[0.0, 1.0], [10.0, 11.0]]
