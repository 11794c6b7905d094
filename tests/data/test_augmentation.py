"""Augmentation: each image by its own seed alone, moved as told, and masks moved with it."""

import dataclasses
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gyebo.data.augmentation import AugmentationConfig, augment, augment_pair, gaussian, sample_seeds, uniform

EVERYTHING = AugmentationConfig(
    crop=2, flip=True, rotate=20.0, shift=1.5, elastic_alpha=8.0, elastic_sigma=2.0, colour=0.4, principal_colours=0.1
)
AXES = ((0.5, 0.4, 0.3), (0.1, 0.0, -0.2), (0.01, -0.03, 0.02))  # of colours, as the statistics of a dataset are
EACH = {
    "crop": AugmentationConfig(crop=2),
    "flip": AugmentationConfig(flip=True),
    "rotate": AugmentationConfig(rotate=30.0),
    "shift": AugmentationConfig(shift=2.0),
    "elastic": AugmentationConfig(elastic_alpha=10.0, elastic_sigma=2.0),
    "colour": AugmentationConfig(colour=0.5),
    "principal colours": AugmentationConfig(principal_colours=0.1),
    "everything": EVERYTHING,
}


def pictures(count: int, channels: int = 3, height: int = 11, width: int = 13) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (count, channels, height, width), generator=generator, dtype=torch.uint8)


def seeds(count: int) -> torch.Tensor:
    return sample_seeds(7, 3, torch.arange(count))


@pytest.mark.parametrize("config", EACH.values(), ids=EACH)
@pytest.mark.parametrize("kind", [torch.uint8, torch.float32], ids=str)
def test_the_batch_changes_nothing_bit_for_bit(config: AugmentationConfig, kind: torch.dtype):
    images = pictures(37) if kind == torch.uint8 else pictures(37).float() / 255
    before = images.clone()
    whole = augment(images, seeds(37), config, AXES)
    assert torch.equal(images, before)
    assert whole.dtype == kind
    assert whole.shape == images.shape
    for part in (slice(0, 1), slice(5, 12), slice(36, 37)):
        assert torch.equal(augment(images[part], seeds(37)[part], config, AXES), whole[part])
    order = torch.randperm(37, generator=torch.Generator().manual_seed(1))
    assert torch.equal(augment(images[order], seeds(37)[order], config, AXES), whole[order])


@pytest.mark.parametrize("config", EACH.values(), ids=EACH)
def test_it_does_something_and_another_seed_something_else(config: AugmentationConfig):
    images = pictures(1).expand(20, -1, -1, -1)
    changed = augment(images, seeds(20), config, AXES)
    assert len({tuple(image.flatten().tolist()) for image in changed}) > (1 if config == EACH["flip"] else 10)


def test_nothing_is_done_by_default():
    assert torch.equal(augment(pictures(3), seeds(3), AugmentationConfig()), pictures(3))


def test_draws_are_uniform_and_independent():
    draws = torch.stack([uniform(sample_seeds(0, 0, torch.arange(20_000)), draw) for draw in range(4)])  # (4, 20000)
    assert ((draws >= 0) & (draws < 1)).all()
    assert torch.allclose(draws.mean(1), torch.full((4,), 0.5), atol=0.01)
    assert torch.allclose(draws.var(1), torch.full((4,), 1 / 12), atol=0.003)
    correlations = torch.corrcoef(draws) - torch.eye(4)
    assert correlations.abs().max() < 0.03
    between_seeds = torch.corrcoef(torch.stack([draws[0, :-1], draws[0, 1:]]))[0, 1]
    assert between_seeds.abs() < 0.03


def test_seeds_differ_by_seed_epoch_and_row():
    found = torch.cat([sample_seeds(seed, epoch, torch.arange(100)) for seed in range(5) for epoch in range(5)])
    assert len(found.unique()) == 2_500
    assert torch.equal(sample_seeds(1, 2, torch.tensor([9])), sample_seeds(1, 2, torch.arange(20))[9:10])


def test_a_crop_is_a_whole_shift_with_black_from_outside():
    images = pictures(200, height=6, width=5) | 1  # never black
    found = set()
    for image, changed in zip(images, augment(images, seeds(200), AugmentationConfig(crop=1)), strict=True):
        padded = torch.nn.functional.pad(image, (1, 1, 1, 1))
        places = [
            (top, left) for top in range(3) for left in range(3) if torch.equal(padded[:, top : top + 6, left : left + 5], changed)
        ]
        assert len(places) == 1
        found.update(places)
    assert len(found) == 9


def test_about_half_are_mirrored():
    images = pictures(400)
    changed = augment(images, seeds(400), AugmentationConfig(flip=True))
    mirrored = [torch.equal(new, old.flip(2)) for new, old in zip(changed, images, strict=True)]
    kept = [torch.equal(new, old) for new, old in zip(changed, images, strict=True)]
    assert all(one or other for one, other in zip(mirrored, kept, strict=True))
    assert 160 < sum(mirrored) < 240


def test_a_dot_is_turned_by_the_angle_drawn():
    images = torch.zeros(50, 1, 41, 41)
    images[:, 0, 20, 33] = 1.0  # 13 pixels to the right of the centre
    changed = augment(images, seeds(50), AugmentationConfig(rotate=40.0))
    y, x = torch.meshgrid(torch.arange(41.0) - 20, torch.arange(41.0) - 20, indexing="ij")
    mass = changed[:, 0].sum((1, 2))
    centre_x, centre_y = (changed[:, 0] * x).sum((1, 2)) / mass, (changed[:, 0] * y).sum((1, 2)) / mass
    assert torch.allclose((centre_x**2 + centre_y**2).sqrt(), torch.full((50,), 13.0), atol=0.2)
    angles = torch.atan2(centre_y, centre_x) * 180 / math.pi
    assert angles.abs().max() <= 41
    assert angles.min() < -25
    assert angles.max() > 25


def test_a_shift_moves_a_smooth_picture_by_as_much():
    slope = (torch.arange(32.0) / 40).expand(64, 1, 32, 32)
    changed = augment(slope, seeds(64), AugmentationConfig(shift=3.0))
    moved = (changed - slope)[:, 0, 4:-4, 4:-4] * 40
    assert moved.std(dim=(1, 2)).max() < 1e-3
    amounts = moved.mean(dim=(1, 2))
    assert amounts.abs().max() <= 3
    assert amounts.min() < -2
    assert amounts.max() > 2


def test_elastic_displacements_are_as_smooth_as_told():
    slope = (torch.arange(64.0) / 80).expand(8, 1, 64, 64)
    rough, smooth = (
        ((augment(slope, seeds(8), AugmentationConfig(elastic_alpha=20.0, elastic_sigma=sigma)) - slope) * 80)[:, 0, 16:-16, 16:-16]
        for sigma in (2.0, 6.0)
    )
    # a field of variance 1/3 convolved with a Gaussian of two dimensions keeps 1 / (4 pi sigma^2) of its variance
    assert rough.std() == pytest.approx(20 * (1 / 3 / (4 * math.pi * 4)) ** 0.5, rel=0.2)
    for field, sigma in ((rough, 2.0), (smooth, 6.0)):
        steps = (field[:, :, 1:] - field[:, :, :-1]).std() / field.std()
        assert steps == pytest.approx(1 / (math.sqrt(2) * sigma), rel=0.35)


def test_colour_of_grey_images_stays_grey_and_in_range():
    grey = pictures(30, channels=1).expand(-1, 3, -1, -1)
    changed = augment(grey, seeds(30), AugmentationConfig(colour=1.0))
    assert (changed.int() - changed[:, :1].int()).abs().max() <= 1  # the three channels are scaled by one number
    floats = augment(grey.float() / 255, seeds(30), AugmentationConfig(colour=1.0))
    assert floats.min() >= 0
    assert floats.max() <= 1


def test_gaussian_draws_are_normal_and_independent():
    found = gaussian(sample_seeds(0, 0, torch.arange(20_000)), 3)  # (20000, 3)
    expected = torch.special.ndtr(found.sort(0).values)  # of each number, the share of those below it
    steps = ((torch.arange(20_000) + 0.5) / 20_000)[:, None]
    assert (expected - steps).abs().max() < 1.63 / 20_000**0.5, "Kolmogorov and Smirnov, at the level of 1 %"
    others = torch.stack([uniform(sample_seeds(0, 0, torch.arange(20_000)), draw) for draw in range(10)]).double()
    correlations = torch.corrcoef(torch.cat([found.T, found.T.square(), others])) - torch.eye(16, dtype=torch.float64)
    assert correlations.abs().max() < 4.5 / 20_000**0.5
    assert torch.equal(gaussian(sample_seeds(0, 0, torch.arange(9)), 3), found[:9])


def test_principal_colours_have_the_covariance_of_the_paper():
    """Krizhevsky et al. 2012, section 4.1: the sum of alpha_i lambda_i p_i with alpha_i ~ N(0, 0.1^2), one for the whole image."""
    count, sigma = 40_000, 0.1
    grey = torch.full((count, 3, 2, 2), 0.5)
    axes = torch.tensor(AXES, dtype=torch.float64)
    added = (augment(grey, seeds(count), AugmentationConfig(principal_colours=sigma), AXES) - grey).double()
    assert torch.equal(added, added[:, :, :1, :1].expand(-1, -1, 2, 2)), "one colour for every pixel of an image"
    colours = added[:, :, 0, 0]
    expected = sigma**2 * sum(axis.outer(axis) for axis in axes)
    variances = expected.diagonal()
    errors = ((expected**2 + variances.outer(variances)) / count).sqrt()  # of a sampled covariance of normal numbers
    assert ((colours.T.cov(correction=0) - expected).abs() < 4 * errors).all()
    assert (colours.mean(0).abs() < 4 * (variances / count).sqrt()).all()
    assert (colours @ torch.linalg.inv(axes)).std(0) == pytest.approx([sigma] * 3, rel=0.02), "and alpha is what was drawn"


def test_principal_colours_of_bytes_are_those_of_shares_rounded():
    images = pictures(50) // 2 + 64  # so that nothing leaves the range
    config = AugmentationConfig(principal_colours=0.1)
    changed = augment(images, seeds(50), config, AXES)
    shares = augment(images.double() / 255, seeds(50), config, AXES)
    assert (changed.double() - 255 * shares).abs().max() < 0.5001
    assert (changed != images).float().mean() > 0.5
    white = augment(torch.full_like(images, 255), seeds(50), config, AXES)
    assert white.max() == 255
    assert white.min() > 64, "what is too bright stays white and does not wrap around to black"


def test_principal_colours_change_no_other_draw_and_off_they_change_no_bit():
    images = pictures(20)
    plain = AugmentationConfig(crop=2, flip=True, rotate=9.0, elastic_alpha=5.0, colour=0.3)
    without = augment(images, seeds(20), plain)
    assert torch.equal(augment(images, seeds(20), plain, AXES), without)
    nothing_added = augment(images, seeds(20), dataclasses.replace(plain, principal_colours=0.1), ((0.0,) * 3,) * 3)
    assert torch.equal(nothing_added, without)


def test_grey_images_become_brighter_or_darker_as_a_whole():
    images = torch.full((200, 1, 3, 3), 0.5)
    added = augment(images, seeds(200), AugmentationConfig(principal_colours=0.1), ((0.5,),)) - images
    assert torch.equal(added, added[:, :, :1, :1].expand_as(added))
    assert float(added.std()) == pytest.approx(0.05, rel=0.2)


def test_principal_colours_leave_masks_alone():
    images, masks = pictures(9), pictures(9)[:, 0]
    changed, same = augment_pair(images, masks, seeds(9), AugmentationConfig(principal_colours=0.1), AXES)
    assert torch.equal(same, masks)
    assert torch.equal(changed, augment(images, seeds(9), AugmentationConfig(principal_colours=0.1), AXES))


@pytest.mark.parametrize(("axes", "channels"), [((), 3), (AXES, 1), (((0.5,),), 3)])
def test_principal_colours_need_the_axes_of_as_many_channels(axes: tuple[tuple[float, ...], ...], channels: int):
    with pytest.raises(ValueError, match=f"{channels} axes of {channels} numbers, .* but {len(axes)} came"):
        augment(pictures(2, channels), seeds(2), AugmentationConfig(principal_colours=0.1), axes)


def test_masks_move_with_their_images_and_keep_their_numbers():
    masks = torch.randint(0, 5, (40, 3, 3), generator=torch.Generator().manual_seed(2))
    masks = masks.repeat_interleave(8, 1).repeat_interleave(8, 2)  # (40, 24, 24), patches of one class
    images = masks[:, None].float() / 4
    config = AugmentationConfig(crop=3, flip=True, rotate=15.0, shift=2.0, elastic_alpha=6.0, elastic_sigma=3.0)
    new_images, new_masks = augment_pair(images, masks, seeds(40), config)
    assert new_masks.dtype == torch.int64
    assert {*new_masks.unique().tolist()} <= {*range(5)}
    inside = (new_images[:, 0] * 4 - new_masks).abs() < 1e-3
    assert inside.float().mean() > 0.6  # everywhere but where patches meet
    assert (new_masks != masks).float().mean() > 0.2
    assert (new_images[:, 0] * 4 - new_masks).abs().max() <= 4


def test_masks_of_whole_moves_are_exactly_those_of_the_image():
    masks = torch.randint(0, 200, (60, 7, 9), generator=torch.Generator().manual_seed(2), dtype=torch.uint8)
    new_images, new_masks = augment_pair(masks[:, None], masks, seeds(60), AugmentationConfig(crop=3, flip=True))
    assert torch.equal(new_images[:, 0], new_masks)
    assert all({*new.unique().tolist()} <= {*old.unique().tolist()} for new, old in zip(new_masks, masks, strict=True))
    assert augment_pair(masks[:, None], masks, seeds(60), EVERYTHING, ((0.2,),))[1].dtype == torch.uint8


def test_a_pair_depends_on_no_batch():
    images, masks = pictures(9), pictures(9)[:, 0].long()
    whole = augment_pair(images, masks, seeds(9), EVERYTHING, AXES)
    part = augment_pair(images[4:6], masks[4:6], seeds(9)[4:6], EVERYTHING, AXES)
    assert all(torch.equal(one, other[4:6]) for one, other in zip(part, whole, strict=True))


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 4), st.integers(1, 3), st.integers(1, 9), st.integers(1, 9), st.integers(-(2**63), 2**63 - 1))
def test_any_shape_and_any_seed(batch: int, channels: int, height: int, width: int, seed: int):
    images = pictures(batch, channels, height, width)
    axes = [axis[:channels] for axis in AXES[:channels]]
    changed = augment(images, torch.full((batch,), seed), EVERYTHING, axes)
    assert changed.shape == images.shape
    pair = augment_pair(images.float() / 255, images[:, 0], torch.full((batch,), seed), EVERYTHING, axes)
    assert pair[0].isfinite().all()


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("crop", -1, "augmentation.crop is -1, but 0 [(]off[)] or more"),
        ("rotate", -0.5, "augmentation.rotate is -0.5"),
        ("elastic_sigma", 0.0, "augmentation.elastic_sigma is 0.0, but more than 0 pixels"),
        ("colour", 1.5, "augmentation.colour is 1.5, but 0 [(]off[)] to 1"),
        ("principal_colours", -0.1, "augmentation.principal_colours is -0.1, but 0 [(]off[)] or more"),
    ],
)
def test_impossible_settings_are_refused(field: str, value: float, expected: str):
    with pytest.raises(ValueError, match=expected):
        AugmentationConfig(**{field: value})
