"""Training images changed at random in ways that leave their class alone: cropped, mirrored, turned, shifted, bent and recoloured.

Every number is drawn by hashing the sample's own seed (SplitMix64; Steele, Lea and Flood, 2014), so what becomes of an image depends on
nothing but that seed and the config: not on the batch it stands in, on the number of workers, or on what was drawn before. Each step
below works on the whole batch at once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["AugmentationConfig", "augment", "augment_pair", "gaussian", "sample_seeds", "uniform"]

_GOLDEN, _MIX_1, _MIX_2 = (
    constant - 2**64 for constant in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
)  # as signed 64-bit integers
_TOP, _LEFT, _FLIP, _ANGLE, _DOWN, _RIGHT, _BRIGHTNESS, _CONTRAST, _SATURATION, _BEND = range(10)  # what a draw is for
_NORMAL = -1  # and those before it: bending takes as many draws from its own on as there are pixels
_WEIGHTS_OF_GREY = (0.299, 0.587, 0.114)  # ITU-R 601


@dataclass(frozen=True, kw_only=True)
class AugmentationConfig:
    """How training images are changed: the [augmentation] table of a recipe. Everything is off by default."""

    crop: int = 0
    """Pad every side by so many pixels and cut the old size out at random."""
    flip: bool = False
    """Mirror left and right, every other time."""
    rotate: float = 0.0
    """Turn by up to so many degrees, either way."""
    shift: float = 0.0
    """Move by up to so many pixels, up or down and left or right."""
    elastic_alpha: float = 0.0
    """Bend: displacements of up to so many pixels, drawn for each pixel, before they are smoothed (Simard et al. 2003 take 34)."""
    elastic_sigma: float = 4.0
    """The standard deviation, in pixels, of the Gaussian that smooths the displacements."""
    colour: float = 0.0
    """Brightness, contrast and, of colour images, saturation times 1 - colour to 1 + colour."""
    principal_colours: float = 0.0
    """Add to all pixels of an image each principal component of the training pixels' colours, times its eigenvalue and a number drawn
    from N(0, principal_colours^2) (Krizhevsky et al. 2012 take 0.1). Of grey images this is brightness."""

    def __post_init__(self) -> None:
        for name in ("crop", "rotate", "shift", "elastic_alpha", "principal_colours"):
            if getattr(self, name) < 0:
                raise ValueError(f"augmentation.{name} is {getattr(self, name)}, but 0 (off) or more was expected.")
        if not self.elastic_sigma > 0:
            raise ValueError(f"augmentation.elastic_sigma is {self.elastic_sigma}, but more than 0 pixels were expected.")
        if not 0 <= self.colour <= 1:
            raise ValueError(f"augmentation.colour is {self.colour}, but 0 (off) to 1 was expected.")

    @property
    def warps(self) -> bool:
        """Whether pixels come to lie between those there were."""
        return bool(self.rotate or self.shift or self.elastic_alpha)


def sample_seeds(seed: int, epoch: int, rows: Tensor) -> Tensor:
    """A seed for each row of the data in one epoch: rows (B,) int64 -> (B,) int64."""
    return _hashed(_hashed(_hashed(torch.full_like(rows, seed), 1), epoch), rows)


def uniform(seeds: Tensor, draw: int | Tensor) -> Tensor:
    """Numbers in [0, 1), one for each seed and draw, whose shapes are broadcast: float32, of 24 random bits."""
    return (_shifted(_hashed(seeds, draw), 40)).to(torch.float32) * 2.0**-24


def gaussian(seeds: Tensor, count: int) -> Tensor:
    """Numbers of N(0, 1), so many for each seed: (B, count) float64, each of two uniform ones by Box and Muller, 1958."""
    draws = _NORMAL - 2 * torch.arange(count, device=seeds.device)
    # in double precision, as logarithms and cosines of a long and of a short vector may differ in the last place
    first, second = uniform(seeds[:, None], draws).double(), uniform(seeds[:, None], draws - 1).double()
    return (-2 * (1 - first).log()).sqrt() * (2 * math.pi * second).cos()


def _hashed(seeds: Tensor, counter: int | Tensor) -> Tensor:
    """SplitMix64 started at the hash of the seed, after `counter` steps; int64 arithmetic wraps around."""
    return _mixed(_mixed(seeds + _GOLDEN) + (counter + 1) * torch.tensor(_GOLDEN, device=seeds.device))


def _mixed(bits: Tensor) -> Tensor:
    bits = (bits ^ _shifted(bits, 30)) * _MIX_1
    bits = (bits ^ _shifted(bits, 27)) * _MIX_2
    return bits ^ _shifted(bits, 31)


def _shifted(bits: Tensor, count: int) -> Tensor:
    """To the right, filled with zeros: torch's own shift copies the sign."""
    return (bits >> count) & (2 ** (64 - count) - 1)


def augment(images: Tensor, seeds: Tensor, config: AugmentationConfig, colour_axes: Sequence[Sequence[float]] = ()) -> Tensor:
    """Images (B, C, H, W), uint8 or floats in [0, 1], changed each by its seed (B,) int64; of the same shape and type.

    colour_axes: as of `gyebo.data.colour_axes`, which principal colours need.
    What moves in from outside is black, 0, so images are augmented before they are standardised.
    """
    height, width = images.shape[2:]
    if config.crop or config.flip:
        rows, columns = _crop_and_flip(seeds, height, width, config)
        images = _gathered(F.pad(images, (config.crop,) * 4), rows, columns)
    if config.warps:
        grid = _sampling_grid(seeds, height, width, config)
        images = _typed(F.grid_sample(_as_float(images), grid, padding_mode="zeros", align_corners=False), images)
    return _recoloured(images, seeds, config, colour_axes)


def augment_pair(
    images: Tensor, masks: Tensor, seeds: Tensor, config: AugmentationConfig, colour_axes: Sequence[Sequence[float]] = ()
) -> tuple[Tensor, Tensor]:
    """Images as by `augment`, and masks (B, H, W) of class numbers moved the same way, without mixing them.

    What moves in from outside is the image mirrored at its border, for there the right mask is known.
    """
    height, width = images.shape[2:]
    if config.crop or config.flip:
        rows, columns = _crop_and_flip(seeds, height, width, config)
        rows, columns = _mirrored(rows - config.crop, height), _mirrored(columns - config.crop, width)
        images, masks = _gathered(images, rows, columns), _gathered(masks[:, None], rows, columns)[:, 0]
    if config.warps:
        grid = _sampling_grid(seeds, height, width, config)
        images = _typed(F.grid_sample(_as_float(images), grid, padding_mode="reflection", align_corners=False), images)
        numbers = masks[:, None].to(torch.float32)  # exact for class numbers
        masks = F.grid_sample(numbers, grid, mode="nearest", padding_mode="reflection", align_corners=False)[:, 0].to(masks.dtype)
    return _recoloured(images, seeds, config, colour_axes), masks


def _as_float(images: Tensor) -> Tensor:
    return images.to(torch.float32) if images.dtype == torch.uint8 else images


def _typed(changed: Tensor, images: Tensor) -> Tensor:
    return changed.round().clamp(0, 255).to(torch.uint8) if images.dtype == torch.uint8 else changed


# Whole pixels


def _crop_and_flip(seeds: Tensor, height: int, width: int, config: AugmentationConfig) -> tuple[Tensor, Tensor]:
    """Which rows (B, H) and columns (B, W) of the padded image become those of the new one."""
    choices = 2 * config.crop + 1
    top, left = ((uniform(seeds, draw) * choices).long() for draw in (_TOP, _LEFT))  # (B,)
    rows = torch.arange(height, device=seeds.device) + top[:, None]
    columns = torch.arange(width, device=seeds.device).expand(len(seeds), -1)
    if config.flip:
        columns = torch.where((uniform(seeds, _FLIP) < 0.5)[:, None], columns.flip(1), columns)
    return rows, columns + left[:, None]


def _mirrored(positions: Tensor, length: int) -> Tensor:
    """Positions outside of 0 .. length - 1 as those of the image continued by its mirror images."""
    positions = positions.remainder(2 * length)
    return torch.minimum(positions, 2 * length - 1 - positions)


def _gathered(images: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    batch, channels, _, width = images.shape
    positions = (rows[:, :, None] * width + columns[:, None, :]).flatten(1)  # (B, H W)
    found = images.flatten(2).gather(2, positions[:, None].expand(-1, channels, -1))
    return found.view(batch, channels, rows.shape[1], columns.shape[1])


# Between pixels


def _sampling_grid(seeds: Tensor, height: int, width: int, config: AugmentationConfig) -> Tensor:
    """Where each pixel of the new image is read in the old one, (B, H, W, 2) as x and y in -1 .. 1, for `grid_sample`."""
    y, x = torch.meshgrid(_centred(height, seeds), _centred(width, seeds), indexing="ij")  # (H, W), in pixels from the centre
    # in double precision, as sines of a long and of a short vector may differ in the last place
    angle = _signed(seeds, _ANGLE).double() * math.radians(config.rotate)
    cosine, sine = angle.cos().float()[:, None, None], angle.sin().float()[:, None, None]
    source_x = cosine * x + sine * y + (config.shift * _signed(seeds, _RIGHT))[:, None, None]
    source_y = cosine * y - sine * x + (config.shift * _signed(seeds, _DOWN))[:, None, None]
    if config.elastic_alpha:
        bend = config.elastic_alpha * _smoothed(_noise(seeds, height, width), config.elastic_sigma)  # (B, 2, H, W)
        source_x, source_y = source_x + bend[:, 0], source_y + bend[:, 1]
    return torch.stack((source_x * (2 / width), source_y * (2 / height)), dim=-1)


def _centred(length: int, seeds: Tensor) -> Tensor:
    return torch.arange(length, dtype=torch.float32, device=seeds.device) - (length - 1) / 2


def _signed(seeds: Tensor, draw: int | Tensor) -> Tensor:
    """In [-1, 1)."""
    return 2 * uniform(seeds, draw) - 1


def _noise(seeds: Tensor, height: int, width: int) -> Tensor:
    """A number in [-1, 1) for each pixel and direction, (B, 2, H, W)."""
    draws = _BEND + torch.arange(2 * height * width, device=seeds.device)
    return _signed(seeds[:, None], draws).view(-1, 2, height, width)


def _smoothed(fields: Tensor, sigma: float) -> Tensor:
    """Convolved with a Gaussian along both axes, zero outside; tap by tap, for a convolution kernel may depend on the batch."""
    radius = math.ceil(3 * sigma)
    weights = [math.exp(-0.5 * (offset / sigma) ** 2) for offset in range(-radius, radius + 1)]
    total = sum(weights)
    for axis, padding in ((3, (radius, radius, 0, 0)), (2, (0, 0, radius, radius))):
        wide, length = F.pad(fields, padding), fields.shape[axis]
        fields = torch.zeros_like(fields)
        for start, weight in enumerate(weights):
            fields += wide.narrow(axis, start, length) * (weight / total)
    return fields


# Colours


def _recoloured(images: Tensor, seeds: Tensor, config: AugmentationConfig, colour_axes: Sequence[Sequence[float]]) -> Tensor:
    if not config.colour and not config.principal_colours:
        return images
    pixels = _as_float(images)
    if config.colour:
        pixels = _jittered(pixels, seeds, config.colour)
    if config.principal_colours:
        scale = 255 if images.dtype == torch.uint8 else 1
        pixels = pixels + scale * _principal_colours(seeds, config.principal_colours, colour_axes, images.shape[1])
    return _typed(pixels, images) if images.dtype == torch.uint8 else pixels.clamp(0, 1)


def _jittered(images: Tensor, seeds: Tensor, colour: float) -> Tensor:
    """Brightness: times a factor.  Contrast: away from the image's mean.  Saturation: away from each pixel's grey."""
    brightness, contrast, saturation = (
        (1 + colour * _signed(seeds, draw))[:, None, None, None] for draw in (_BRIGHTNESS, _CONTRAST, _SATURATION)
    )
    pixels = images * brightness
    mean = pixels.mean(dim=(1, 2, 3), keepdim=True, dtype=torch.float64).float()  # so precise that no order of summing shows
    pixels = mean + contrast * (pixels - mean)
    if images.shape[1] == 3:
        red, green, blue = (weight * part for weight, part in zip(_WEIGHTS_OF_GREY, pixels.unbind(1), strict=True))
        grey = (red + green + blue)[:, None]
        pixels = grey + saturation * (pixels - grey)
    return pixels


def _principal_colours(seeds: Tensor, deviation: float, axes: Sequence[Sequence[float]], channels: int) -> Tensor:
    """What is added to each image, (B, C, 1, 1): the sum of alpha_i lambda_i p_i, alpha_i ~ N(0, deviation^2).  axes: lambda_i p_i."""
    if len(axes) != channels or any(len(axis) != channels for axis in axes):
        raise ValueError(
            f"Principal colours of images with {channels} channels need {channels} axes of {channels} numbers, from"
            f" `gyebo.data.colour_axes`, but {len(axes)} came: {tuple(axes)}."
        )
    alphas = deviation * gaussian(seeds, channels)  # (B, C)
    added = torch.zeros_like(alphas)
    for alpha, axis in zip(alphas.unbind(1), torch.tensor(axes, dtype=alphas.dtype, device=alphas.device), strict=True):
        added += alpha[:, None] * axis
    return added.float()[:, :, None, None]
