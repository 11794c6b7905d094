"""Statistics and samples of images."""

import json

from gyebo.data.image_config import ImagesConfig
from gyebo.data.image_description import describe_images, image_samples
from gyebo.data.images import open_images


def test_the_description_is_plain_json():
    digits = open_images(("digits",), ImagesConfig())
    described = describe_images(digits)
    assert json.loads(json.dumps(described)) == described
    pixels = digits.train.pixels.double() / 255
    assert described["mean"] == [round(float(pixels.mean()), 5)]
    assert described["deviation"] == [round(float(pixels.std(correction=0)), 5)]
    assert described["splits"]["test"]["images"] == 300
    assert sum(described["splits"]["train"]["classes"].values()) == 1_297
    assert described["fingerprint"] == digits.fingerprint


def test_samples_are_different_images_and_the_same_for_one_seed():
    digits = open_images(("digits",), ImagesConfig(limit=40))
    assert len(set(image_samples(digits, 100))) == 40
    assert image_samples(digits, 5, seed=1) == image_samples(digits, 5, seed=1) != image_samples(digits, 5, seed=2)
    labels = dict(zip(digits.train.names, digits.train.labels.tolist(), strict=True))
    assert all(labels[name] == int(label) for name, label in image_samples(digits, 40))
