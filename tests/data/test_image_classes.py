"""The containers of images, and how images are held out of them."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gyebo.data.image_classes import LabelledImages, channel_statistics, fingerprint, hold_out, limited, padded
from gyebo.errors import UsageError


def images(labels: list[int], copies: int = 1, seed: int = 0) -> LabelledImages:
    generator = torch.Generator().manual_seed(seed)
    different = torch.randint(0, 256, (-(-len(labels) // copies), 2, 3, 4), generator=generator, dtype=torch.uint8)
    pixels = different.repeat_interleave(copies, 0)[: len(labels)]
    return LabelledImages(pixels, torch.tensor(labels), tuple(f"image {number}" for number in range(len(labels))))


def test_rows_are_selected_in_order():
    some = images([0, 1, 2]).select(torch.tensor([2, 0]))
    assert (some.labels.tolist(), some.names, len(some)) == ([2, 0], ("image 2", "image 0"), 2)


def test_parts_that_disagree_are_refused():
    whole = images([0, 1])
    with pytest.raises(ValueError, match=r"Labels are torch.int64"):
        LabelledImages(whole.pixels, whole.labels[:1], whole.names)
    with pytest.raises(ValueError, match=r"uint8 \(N, C, H, W\) was expected"):
        LabelledImages(whole.pixels.float(), whole.labels, whole.names)
    with pytest.raises(ValueError, match="1 names cannot belong to 2 images"):
        LabelledImages(whole.pixels, whole.labels, whole.names[:1])


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 3), min_size=2, max_size=60), st.data())
def test_what_is_held_out_and_what_is_kept_are_the_whole(labels: list[int], data: st.DataObject):
    whole = images(labels)
    count = data.draw(st.integers(1, len(labels) - 1))
    kept, held_out = hold_out(whole, count)
    assert sorted(kept.names + held_out.names) == sorted(whole.names)
    assert len(held_out) <= count
    assert set(kept.labels.tolist()) == set(labels)
    assert list(kept.names) == [name for name in whole.names if name in set(kept.names)]
    for label in set(labels):
        share = count * labels.count(label) / len(labels)
        found = held_out.labels.tolist().count(label)
        assert found == min(found, labels.count(label) - 1)
        assert share - 1 < found + 1
        assert found < share + 1


def test_copies_are_not_torn_apart():
    kept, held_out = hold_out(images([0] * 30 + [1] * 30, copies=3), 20)
    digests = [{tuple(image.flatten().tolist()) for image in part.pixels} for part in (kept, held_out)]
    assert not digests[0] & digests[1]
    assert len(held_out) == 18  # 10 of each class are wanted, and copies go by threes


def test_limits_are_nested():
    whole = images([0, 1, 1, 1] * 50)
    sets = [set(limited(whole, count).names) for count in (20, 60, 100)]
    assert sets[0] < sets[1] < sets[2]
    assert limited(whole, 20).labels.tolist().count(0) == 5


def test_all_cannot_be_held_out():
    with pytest.raises(UsageError, match="Holding out 2 images leaves nothing to train on"):
        hold_out(images([0, 1]), 2)


def test_statistics_are_those_of_float64():
    pixels = images([0] * 5_000).pixels
    means, deviations = channel_statistics(pixels)
    expected = pixels.double() / 255
    assert means == pytest.approx(expected.mean((0, 2, 3)).tolist(), rel=1e-12)
    assert deviations == pytest.approx(expected.std((0, 2, 3), correction=0).tolist(), rel=1e-12)


def test_the_fingerprint_sees_labels_pixels_classes_and_splits():
    one, other = images([0, 1]), images([0, 1], seed=1)
    swapped = LabelledImages(one.pixels, one.labels.flip(0), one.names)
    found = {
        fingerprint(("a", "b"), (one, other)),
        fingerprint(("a", "c"), (one, other)),
        fingerprint(("a", "b"), (other, one)),
        fingerprint(("a", "b"), (swapped, other)),
        fingerprint(("a", "b"), (one,)),
    }
    assert len(found) == 5
    assert fingerprint(("a", "b"), (one, other)) == fingerprint(("a", "b"), (images([0, 1]), images([0, 1], seed=1)))


def test_padding_is_black():
    whole = images([0, 1])
    wide = padded(whole, 2)
    assert wide.pixels.shape == (2, 2, 7, 8)
    assert torch.equal(wide.pixels[:, :, 2:-2, 2:-2], whole.pixels)
    assert int(wide.pixels.sum()) == int(whole.pixels.sum())
