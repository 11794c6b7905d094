"""Models of images broken on purpose: a sound classifier and a sound segmenter pass the contract, and each fault is seen."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from gyebo.genealogy import Architecture
from gyebo.verification.contract import check_property, properties_of
from gyebo.verification.images import ClassifierSubject, SegmenterSubject

IN_ANOTHER_PROCESS = "same_seed_same_bits_in_two_processes"  # which imports a model by the name of its file


@dataclass(frozen=True, kw_only=True)
class ClassifierConfig:
    num_channels: int
    num_classes: int
    image_size: int
    dropout: float = 0.0


class Classifier(nn.Module):
    """Convolution, batch norm, pooling, dropout, affine."""

    def __init__(self, config):
        super().__init__()
        side = (config.image_size - 2) // 2
        if side < 1:
            raise ValueError(f"image_size={config.image_size} is too small; the smallest that works is 4")
        self.convolution = nn.Conv2d(config.num_channels, 6, 3)
        self.norm = nn.BatchNorm2d(6)
        self.dropout = nn.Dropout(config.dropout)
        self.output = nn.Linear(6 * side**2, config.num_classes)

    def features(self, images):
        return self.dropout(F.avg_pool2d(F.relu(self.norm(self.convolution(images))), 2).flatten(1))

    def logits(self, features):
        return self.output(features)

    def forward(self, images):
        return self.logits(self.features(images))


@dataclass(frozen=True, kw_only=True)
class SegmenterConfig:
    num_channels: int
    num_classes: int


class Segmenter(nn.Module):
    """Valid convolutions, and beside their maps the same halved and doubled: of an image of even sides, all but an edge of 2."""

    def __init__(self, config):
        super().__init__()
        self.first = nn.Conv2d(config.num_channels, 6, 3)
        self.second = nn.Conv2d(6, 7, 3)
        self.output = nn.Conv2d(14, config.num_classes, 1)

    def output_size(self, height, width):
        if height % 2 or width % 2 or min(height, width) < 6:
            raise ValueError("odd or too small")
        return height - 4, width - 4

    def forward(self, images):
        maps = F.relu(self.second(F.relu(self.first(images))))
        return self.output(torch.cat([maps, F.interpolate(F.avg_pool2d(maps, 2), scale_factor=2.0)], 1))


FACTS = {"year": 2000, "paper": "p", "link": "https://x", "parents": {}, "differences": (), "sizes": {}}
CLASSIFIER = Architecture(
    name="classifier",
    title="t",
    task="classify",
    config=ClassifierConfig,
    model=Classifier,
    tiny={"num_channels": 2, "num_classes": 5, "image_size": 8},
    **FACTS,
)
SEGMENTER = Architecture(
    name="segmenter",
    title="t",
    task="segment",
    config=SegmenterConfig,
    model=Segmenter,
    tiny={"num_channels": 2, "num_classes": 5},
    **FACTS,
)


class MixesImages(Classifier):
    def features(self, images):
        features = super().features(images)
        return features - features.mean(0, keepdim=True)


class AlwaysNormalisesByItsBatch(Classifier):
    def train(self, mode=True):
        super().train(mode)
        self.norm.training = True
        return self


class WritesIntoItsImages(Classifier):
    def features(self, images):
        return super().features(images.clamp_(max=0.5))


class WritesIntoItsLabels(Classifier):
    def training_loss(self, images, labels):
        return F.cross_entropy(self(images), labels.fill_(1), reduction="sum")


class HasAnUnusedParameter(Classifier):
    def __init__(self, config):
        super().__init__(config)
        self.forgotten = nn.Linear(3, 2)


class HasAnOwnLossThatForgets(Classifier):
    def training_loss(self, images, labels):
        return F.cross_entropy(self.output(self.features(images).detach()), labels, reduction="sum")


class NeverDrops(Classifier):
    def __init__(self, config):
        super().__init__(config)
        self.dropout = nn.Identity()


class AlwaysDrops(Classifier):
    def train(self, mode=True):
        super().train(mode)
        self.dropout.training = True
        return self


class IsRandomInTraining(Classifier):
    def logits(self, features):
        return super().logits(features + torch.rand_like(features) * self.training)


class DividesByTheLargestPixel(Classifier):
    def features(self, images):
        return super().features(images / images.abs().amax((1, 2, 3), keepdim=True))


class TakesPowers(Classifier):
    def features(self, images):
        return super().features(images.exp())


class ReadsOneSizeOnly(Classifier):
    def __init__(self, config):
        super().__init__(replace(config, image_size=8))


class AnswersForEveryPixel(Classifier):
    def logits(self, features):
        return super().logits(features)[..., None]


class RefusesWithoutASize(Classifier):
    def __init__(self, config):
        if config.image_size < 7:
            raise ValueError("too small")
        super().__init__(config)


class BuildsWhatItCannotCompute(Classifier):
    def __init__(self, config):
        super().__init__(replace(config, image_size=max(4, config.image_size)))


class ScalesBehindTheFeatures(Classifier):
    def forward(self, images):
        return 2 * super().forward(images)


class RemembersTheLastCall(Classifier):
    calls = 0

    def features(self, images):
        self.calls += 1
        return super().features(images) * self.calls


class RoundsToHalves(Classifier):
    def logits(self, features):
        logits = super().logits(features)
        return (logits * 2).round() / 2 if torch.is_autocast_enabled("cpu") else logits


class IsAnotherWhenCompiled(Classifier):
    def logits(self, features):
        return super().logits(features) * (2 if torch.compiler.is_compiling() else 1)


class CannotLearn(Classifier):
    def logits(self, features):
        return 0.01 * torch.tanh(super().logits(features))


class CannotLearnItsOwnLoss(Classifier):
    def training_loss(self, images, labels):
        return F.cross_entropy(self(images), (labels + 1) % 5, reduction="sum")


class TakesMemoryAtOnce(Classifier):
    def __init__(self, config):
        super().__init__(config)
        self.register_buffer("table", torch.zeros(3, device="cpu"))


class ForgetsItsAverages(Classifier):
    """Running averages that do not come back from a file."""

    def load_state_dict(self, state_dict, strict=True, assign=False):
        read = super().load_state_dict(state_dict, strict, assign)
        self.norm.running_mean.add_(1)
        return read


class SaysAnotherSize(Segmenter):
    def output_size(self, height, width):
        super().output_size(height, width)
        return height, width


class TurnsItsImages(Segmenter):
    def forward(self, images):
        return super().forward(images).transpose(2, 3)


class TakesNoSize(Segmenter):
    def output_size(self, height, width):
        raise ValueError("never")


class MixesSegments(Segmenter):
    def forward(self, images):
        return super().forward(images) + super().forward(images).mean(0, keepdim=True)


FAULTS = [
    (MixesImages, "rows_are_independent", "alone"),
    (AlwaysNormalisesByItsBatch, "rows_are_independent", "alone"),
    (WritesIntoItsImages, "inputs_are_left_alone", "written into"),
    (WritesIntoItsLabels, "inputs_are_left_alone", "written into"),
    (HasAnUnusedParameter, "gradient_reaches_every_parameter", "forgotten.weight, forgotten.bias"),
    (HasAnOwnLossThatForgets, "gradient_reaches_every_parameter", "convolution.weight"),
    (NeverDrops, "dropout_works_in_training_only", "training mode are equal"),
    (AlwaysDrops, "dropout_works_in_training_only", "evaluation mode differ"),
    (IsRandomInTraining, "dropout_works_in_training_only", "without dropout"),
    (DividesByTheLargestPixel, "numbers_are_finite", "images of zeros"),
    (TakesPowers, "numbers_are_finite", "pixels near 1,000"),
    (ReadsOneSizeOnly, "shapes_follow_the_inputs", "shapes cannot be multiplied"),
    (AnswersForEveryPixel, "shapes_follow_the_inputs", "1 images of 8 x 8: the logits are (1, 5, 1), expected (1, 5)"),
    (RefusesWithoutASize, "images_that_are_too_small_are_refused", "7 is the smallest size, and the refusal of 6 does not name it"),
    (BuildsWhatItCannotCompute, "images_that_are_too_small_are_refused", "RuntimeError"),
    (ScalesBehindTheFeatures, "forward_is_logits_of_features", "bit for bit"),
    (RemembersTheLastCall, "evaluation_is_deterministic", "the same inputs again"),
    (RoundsToHalves, "bfloat16_is_near_float32", "under autocast"),
    (IsAnotherWhenCompiled, "compiled_equals_eager", "logits"),
    (IsAnotherWhenCompiled, "exported_equals_eager", "sizes (3, 2, 8, 8)"),
    (IsAnotherWhenCompiled, "onnx_equals_eager_at_other_sizes", "sizes (1, 2, 8, 8)"),
    (CannotLearn, "one_batch_can_be_learned", "0 of 3 labels are not found, and the loss is still"),
    (CannotLearnItsOwnLoss, "one_batch_can_be_learned", "3 of 3 labels are not found"),
    (TakesMemoryAtOnce, "builds_on_the_meta_device", "table"),
    (ForgetsItsAverages, "weights_round_trip_through_safetensors", "norm.running_mean"),
    (SaysAnotherSize, "shapes_follow_the_inputs", "expected (1, 5, 8, 6)"),
    (TurnsItsImages, "shapes_follow_the_inputs", "the logits are (1, 5, 2, 4), expected (1, 5, 4, 2)"),
    (TakesNoSize, "shapes_follow_the_inputs", "output_size takes 0 heights only"),
    (MixesSegments, "rows_are_independent", "alone"),
]


def entry_of(model: type[nn.Module]) -> Architecture:
    return replace(SEGMENTER if issubclass(model, Segmenter) else CLASSIFIER, model=model)


@pytest.mark.parametrize(("model", "check", "told"), FAULTS, ids=[f"{model.__name__}-{check}" for model, check, _ in FAULTS])
def test_fault_is_seen(model, check, told):
    record = check_property(entry_of(model), check)
    assert record.outcome == "failed"
    assert told in record.detail


@pytest.mark.parametrize(
    ("entry", "check"),
    [(entry, check) for entry in (CLASSIFIER, SEGMENTER) for check in properties_of(entry) if check != IN_ANOTHER_PROCESS],
    ids=lambda part: part.name if isinstance(part, Architecture) else part,
)
def test_sound_model_passes(entry, check):
    record = check_property(entry, check)
    assert record.outcome != "failed", record.detail


def test_each_task_has_its_properties():
    of_both = {"rows_are_independent", "numbers_are_finite", "one_batch_can_be_learned", IN_ANOTHER_PROCESS}
    of_classifiers = {"images_that_are_too_small_are_refused", "forward_is_logits_of_features"}
    of_tokens = {"longer_padding_changes_nothing", "future_is_not_seen", "decoding_equals_the_full_pass", "states_are_left_alone"}
    assert of_both | of_classifiers <= {*properties_of(CLASSIFIER)}
    assert of_both <= {*properties_of(SEGMENTER)}
    assert not of_classifiers & {*properties_of(SEGMENTER)}
    assert not of_tokens & {*properties_of(CLASSIFIER), *properties_of(SEGMENTER)}


def test_batches_hold_what_the_properties_try():
    """No two images alike, every class among the labels, sides that differ where they may."""
    batch = ClassifierSubject(CLASSIFIER).batch(5)
    assert batch.pixels.shape == (5, 2, 8, 8)
    assert sorted(batch.labels.tolist()) == [0, 1, 2, 3, 4]
    assert len({tuple(image.flatten().tolist()) for image in batch.pixels}) == 5
    assert (batch.pixels < 0).float().mean() == pytest.approx(0.5, abs=0.1)
    batch = SegmenterSubject(SEGMENTER).batch(3)
    assert batch.pixels.shape == (3, 2, 8, 6)
    assert batch.labels.shape == (3, 4, 2)


def test_smallest_size_is_found():
    subject = ClassifierSubject(CLASSIFIER)
    assert subject.smallest_size() == 4
    assert "the smallest that works is 4" in subject.refusal(3)
    assert subject.refusal(4) == ""
