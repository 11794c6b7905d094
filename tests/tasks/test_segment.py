"""Segmentation: crops, what is learned and saved, losses, whole images in tiles, metrics, and what is refused."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn import metrics as sklearn_metrics
from torch import nn
from torch.nn import functional as F

from gyebo.data.augmentation import AugmentationConfig
from gyebo.data.colour_axes import colour_axes
from gyebo.data.masked_images import VOID, MaskedImages
from gyebo.errors import GyeboError, UsageError
from gyebo.models.convolutional.unet import UNet, UNetConfig
from gyebo.models.convolutional.unet_padded import UNetPaddedConfig, unet_padded
from gyebo.tasks.mask_batches import Crops, MaskPreprocessing
from gyebo.tasks.mask_losses import border_weights
from gyebo.tasks.segment import Segment, SegmentConfig
from gyebo.tasks.tiles import Grid
from made_masks import discs, image_masks

CONFIG = {"crop": 16, "crops": 2}
PADDED = Grid(smallest=4, period=4, margin=0)
VALID = Grid(smallest=44, period=4, margin=20)


def learn(data=None, **options: object) -> Segment:
    return Segment.learn(SegmentConfig(**CONFIG | options), data or image_masks())


def net(task: Segment, width: int = 4) -> UNet:
    torch.manual_seed(0)
    return unet_padded(UNetPaddedConfig(**task.model_fields(), width=width, num_levels=3, dropout=0.0))


def valid_net(task: Segment) -> UNet:
    torch.manual_seed(0)
    return UNet(UNetConfig(**task.model_fields(), width=3, num_levels=3, dropout=0.0))


def trained(task: Segment, data, epochs: int = 12) -> nn.Module:
    model, problem = net(task), task.problem(data, 1)
    problem.check(model)
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    for epoch in range(epochs):
        for rows in problem.training.batches(8, 1, epoch):
            (problem.loss(model, rows, "cpu") / len(rows)).backward()
            optimizer.step()
            optimizer.zero_grad()
    return model.eval()


# ---------------------------------------------------------------- crops


def crops(images: MaskedImages, **options: object) -> Crops:
    given = {"side": 16, "num_crops": 2, "seed": 3, "augmentation": AugmentationConfig()} | options
    return Crops(images, **given)  # type: ignore[arg-type]


def test_every_epoch_draws_so_many_crops_of_every_image_each_a_row_of_its_own():
    split = crops(discs(5, 1))
    assert len(split) == 10
    epochs = [np.concatenate(split.batches(4, 3, epoch)) for epoch in range(3)]
    for epoch, rows in enumerate(epochs):
        assert sorted(rows) == list(range(10 * epoch, 10 * (epoch + 1)))
    assert [len(rows) for rows in split.batches(4, 3, 0)] == [4, 3, 3]
    assert np.array_equal(epochs[1], np.concatenate(split.batches(4, 3, 1)))
    assert not np.array_equal(epochs[1] - 10, epochs[0])


@pytest.mark.parametrize("grid", [PADDED, VALID])
def test_a_crop_is_a_window_of_image_and_mask_and_its_margin_is_mirrored(grid):
    images = discs(3, 1, (20, 30))
    split = crops(images)
    rows = np.array([7, 2, 11])  # of images 0, 1 and 2, in the second, the first and the second epoch
    pixels, masks, weights = split.batch(rows, grid)
    reads, side = grid.input_side(16), grid.input_side(16) - 2 * grid.margin
    assert pixels.shape == (3, 1, reads, reads)
    assert masks.shape == (3, side, side)
    assert weights is None
    for row, number in enumerate((0, 1, 2)):
        places = [
            (top, left)
            for top in range(20 - side + 1)
            for left in range(30 - side + 1)
            if torch.equal(images.masks[number][top : top + side, left : left + side], masks[row])
        ]
        middle = pixels[row, 0, grid.margin : grid.margin + side, grid.margin : grid.margin + side]
        found = [place for place in places if torch.equal(images.images[number][0, place[0] :, place[1] :][:side, :side], middle)]
        assert found, "the pixels are not those of the mask"
        (top, left) = found[0]
        padded = np.pad(images.images[number][0].numpy(), grid.margin, mode="reflect")
        assert np.array_equal(padded[top : top + reads, left : left + reads], pixels[row, 0].numpy())


def test_where_a_crop_lies_is_a_function_of_seed_and_row_alone():
    changed = AugmentationConfig(flip=True, rotate=90, elastic_alpha=20, colour=0.3, principal_colours=0.1)
    for config in (AugmentationConfig(), changed):
        split = crops(discs(3, 1), augmentation=config, colour_axes=((0.5,),))
        first, again = split.batch(np.array([0, 4, 5]), PADDED), split.batch(np.array([5, 0]), PADDED)
        assert torch.equal(first[0][[2, 0]], again[0])
        assert torch.equal(first[1][[2, 0]], again[1])
        assert not torch.equal(split.batch(np.array([6]), PADDED)[0], first[0][:1]), "another epoch"
        assert not torch.equal(
            crops(discs(3, 1), augmentation=config, seed=4, colour_axes=((0.5,),)).batch(np.array([0]), PADDED)[0], first[0][:1]
        )


def test_an_image_smaller_than_a_crop_is_mirrored():
    images = discs(1, 1, (5, 9))
    pixels, masks, _ = crops(images).batch(np.array([0]), PADDED)
    assert np.array_equal(masks[0, :, :9].numpy(), np.pad(images.masks[0].numpy(), ((0, 11), (0, 0)), mode="reflect"))
    assert pixels.shape == (1, 1, 16, 16)


def test_augmentation_moves_masks_and_weights_with_the_image():
    """A mask that is the image itself stays the image itself, and so do weights."""
    masks = discs(2, 1, (24, 24)).masks
    images = MaskedImages(tuple(mask[None] for mask in masks), masks, ("a", "b"))
    split = crops(images, augmentation=AugmentationConfig(flip=True, crop=3), weights=tuple(mask.float() for mask in masks))
    pixels, labels, weights = split.batch(np.arange(4), PADDED)
    assert torch.equal(pixels[:, 0], labels)
    assert torch.equal(labels.float(), weights)


def test_principal_colours_are_those_of_the_training_images_and_leave_masks_and_weights_alone():
    data = image_masks(channels=3, size=(24, 24))
    task = learn(data, crop=16, augmentation=AugmentationConfig(principal_colours=2.0), balance_classes=True)
    assert task.preprocessing.colour_axes == colour_axes([image.flatten(1) for image in data.train.images])
    rows = np.arange(8)
    shown = task.problem(data, 1).training.batch(rows, PADDED)
    plain_task = learn(data, crop=16, balance_classes=True)
    plain = plain_task.problem(data, 1).training.batch(rows, PADDED)
    assert plain_task.preprocessing.colour_axes == ()
    assert not torch.equal(shown[0], plain[0])
    assert torch.equal(shown[1], plain[1])
    assert torch.equal(shown[2], plain[2])
    new, old = shown[0].flatten(0, 1).int(), plain[0].flatten(0, 1).int()
    changes = [{*(one - other)[(one > 0) & (one < 255)].tolist()} for one, other in zip(new, old, strict=True)]
    assert {len(change) for change in changes} == {1}, "one number for a channel of a crop"
    assert len({*map(tuple, changes)}) > 5, "and another for the next"


# ---------------------------------------------------------------- what is learned, saved and refused


@pytest.mark.parametrize(("classes", "one_logit", "logits"), [(2, True, 1), (2, False, 2), (3, True, 3)])
def test_the_model_has_a_logit_for_two_classes_or_one_for_each(classes, one_logit, logits):
    task = learn(image_masks(classes=classes, channels=3), one_logit=one_logit)
    assert task.model_fields() == {"num_channels": 3, "num_classes": logits}


def test_what_is_learned_is_saved_and_read_back(tmp_path):
    task = learn()
    task.save(tmp_path)
    again = Segment.load({"crop": 16, "crops": 2}, tmp_path)
    assert again.preprocessing == task.preprocessing
    assert again.config == task.config
    pixels = torch.cat([image.flatten() for image in image_masks().train.images]).double() / 255
    assert task.preprocessing.mean[0] == pytest.approx(float(pixels.mean()), rel=1e-9)
    assert task.preprocessing.deviation[0] == pytest.approx(float(pixels.std(correction=0)), rel=1e-9)
    standard = torch.cat([task.preprocessing.standardised(image).flatten() for image in image_masks().train.images])
    assert abs(float(standard.mean())) < 1e-4
    assert float(standard.std()) == pytest.approx(1, rel=1e-3)


@pytest.mark.parametrize("damage", ["gone", "{", '{"classes": ["a"], "mean": [0.5], "deviation": [1.0], "fingerprint": ""}'])
def test_a_damaged_file_is_told(tmp_path, damage):
    learn().save(tmp_path)
    path = tmp_path / "preprocessing.json"
    path.unlink() if damage == "gone" else path.write_text(damage)
    with pytest.raises(GyeboError, match=r"preprocessing\.json"):
        Segment.load({}, tmp_path)


def test_a_file_from_before_there_were_colour_axes_is_read(tmp_path):
    task = learn()
    task.save(tmp_path)
    path = tmp_path / "preprocessing.json"
    whole = json.loads(path.read_text())
    del whole["colour_axes"]
    path.write_text(json.dumps(whole))
    assert Segment.load({}, tmp_path).preprocessing == task.preprocessing
    path.write_text(json.dumps(whole | {"colour_axes": [[0.1, 0.2], [0.3, 0.4]]}))
    with pytest.raises(GyeboError, match=r"do not belong to 1 channels"):
        Segment.load({}, tmp_path)


def test_a_channel_that_never_changes_divides_by_one():
    still = MaskedImages((torch.full((1, 4, 4), 9, dtype=torch.uint8),), (torch.zeros(4, 4, dtype=torch.uint8),), ("a",))
    assert MaskPreprocessing.of(dataclasses.replace(image_masks(), train=still), AugmentationConfig()).deviation == (1.0,)


def test_one_class_in_training_is_refused():
    data = image_masks()
    empty = MaskedImages(data.train.images, tuple(torch.zeros_like(mask) for mask in data.train.masks), data.train.names)
    with pytest.raises(UsageError, match=r"The training masks of discs hold one class only \(ground\)"):
        learn(dataclasses.replace(data, train=empty))
    void = MaskedImages(data.train.images, tuple(torch.full_like(mask, VOID) for mask in data.train.masks), data.train.names)
    with pytest.raises(UsageError, match=r"\(no labelled pixel\)"):
        learn(dataclasses.replace(data, train=void))


def test_names_that_are_none_are_refused():
    with pytest.raises(UsageError, match=r"border_class is 'disk', but no class of discs is called so. Did you mean 'disc'\?"):
        learn(border_class="disk")
    problem = learn().problem(image_masks(), 1)
    assert problem.higher_is_better("dice")
    assert not problem.higher_is_better("loss")
    with pytest.raises(UsageError, match=r"no metric 'dicce' for 2 classes. Did you mean 'dice'\?"):
        problem.higher_is_better("dicce")
    data = image_masks(classes=3)
    with pytest.raises(UsageError, match="no metric 'dice' for 3 classes"):
        learn(data).problem(data, 1).higher_is_better("dice")


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ({"crop": 0}, "crop=0"),
        ({"tile": 5000}, "tile=5000"),
        ({"border_sigma": 0.0}, r"border_sigma=0\.0"),
        ({"dice_weight": -1.0}, "cannot be negative"),
    ],
)
def test_options_without_sense_are_refused(option, told):
    with pytest.raises(ValueError, match=told):
        SegmentConfig(**option)


def test_data_of_other_classes_are_refused():
    task = learn()
    other = dataclasses.replace(image_masks(), name="cells", classes=("a", "b"))
    with pytest.raises(UsageError, match=r"cells has the classes a, b, but the run was trained on ground, disc"):
        task.evaluate(net(task).eval(), other, "test")


# ---------------------------------------------------------------- losses


@pytest.mark.parametrize("build", [net, valid_net])
@pytest.mark.parametrize("options", [{}, {"one_logit": False}, {"dice_weight": 0.5}, {"balance_classes": True}])
def test_the_loss_is_the_mean_of_each_crop_over_its_labelled_pixels(build, options):
    data = image_masks(void=True)
    task = learn(data, **options)
    model, problem = build(task).eval(), task.problem(data, 1)
    rows = np.array([0, 5, 9])
    pixels, labels, _ = problem.training.batch(rows, Grid.of(model))
    with torch.no_grad():
        logits = model(task.preprocessing.standardised(pixels))
        loss = float(problem.loss(model, rows, "cpu"))
    if logits.shape[1] == 1:
        logits = torch.cat([torch.zeros_like(logits), logits], 1)
    expected = 0.0
    counts = np.bincount(torch.stack(data.train.masks).numpy().ravel(), minlength=256)[:2]
    weight = counts.sum() / (2 * counts) if options.get("balance_classes") else np.ones(2)
    for row in range(3):
        there = labels[row] != VOID
        each = F.cross_entropy(logits[row][:, there].T, labels[row][there].long(), torch.tensor(weight).float(), reduction="sum")
        expected += float(each) / int(there.sum())
        if options.get("dice_weight"):
            p, y = logits[row].softmax(0)[1][there], (labels[row][there] == 1).float()
            expected += 0.5 * float(1 - (2 * (p * y).sum() + 1) / (p.sum() + y.sum() + 1))
    assert loss == pytest.approx(expected, rel=1e-4)


def test_pixels_between_cells_weigh_more():
    data = image_masks(void=True)
    training = learn(data, border_class="disc", border_weight=7.0, border_sigma=3.0).problem(data, 1).training
    for mask, weights in zip(data.train.masks, training.weights, strict=True):
        expected = (1 + border_weights(mask.numpy() == 1, 7.0, 3.0)) * (mask.numpy() != VOID)
        np.testing.assert_allclose(weights.numpy(), np.where(mask == VOID, 0, expected), rtol=1e-6)


# ---------------------------------------------------------------- whole images


@pytest.mark.parametrize(("classes", "epochs"), [(2, 12), (3, 40)])
def test_it_learns_discs_and_measures_what_scikit_learn_does(classes, epochs):
    data = image_masks(classes=classes, void=True)
    task = learn(data)
    model = trained(task, data, epochs)
    evaluation = task.evaluate(model, data, "test")
    assert evaluation.metrics["mean_iou"] > 0.6
    truth = np.concatenate([mask.numpy().ravel() for mask in data.test.masks])
    log_p = [task.log_probabilities(model, image, "cpu", lambda: None) for image in data.test.images]
    answer = np.concatenate([each.argmax(0).numpy().ravel() for each in log_p])
    there = truth != VOID
    assert evaluation.metrics["mean_iou"] == pytest.approx(
        sklearn_metrics.jaccard_score(truth[there], answer[there], average="macro")
    )
    assert evaluation.metrics["pixel_accuracy"] == pytest.approx(sklearn_metrics.accuracy_score(truth[there], answer[there]))
    p = np.concatenate([each.exp().flatten(1).T.numpy() for each in log_p])[there]
    assert evaluation.metrics["loss"] == pytest.approx(sklearn_metrics.log_loss(truth[there], p, labels=range(classes)), rel=1e-4)
    assert [row["class"] for row in evaluation.tables["classes"]] == list(data.classes)
    assert sum(row["pixels"] for row in evaluation.tables["classes"]) == there.sum()
    scores = [row["mean_iou"] for row in evaluation.tables["worst_images"]]
    assert scores == sorted(scores)
    assert len(evaluation.pictures["worst_images"]) == len(scores) == 2
    assert [each.input for each in evaluation.predictions] == list(data.test.names)
    json.dumps(
        [evaluation.metrics, evaluation.tables, [dataclasses.asdict(each) for each in evaluation.predictions]], allow_nan=False
    )
    validation = task.problem(data, 1).validate(model, "cpu", lambda: None)
    assert validation == task.evaluate(model, data, "validation").metrics
    assert not model.training


def test_tiles_of_valid_convolutions_say_what_the_whole_image_says():
    data = image_masks()
    whole, tiled = (learn(data, tile=tile) for tile in (512, 8))
    model = valid_net(whole).double().eval()
    image = data.test.images[0]
    one, many = (task.log_probabilities(_Double(model), image, "cpu", lambda: None) for task in (whole, tiled))
    torch.testing.assert_close(many, one, rtol=0, atol=1e-6)


class _Double(nn.Module):
    """A model in double precision behind single precision, so that sums in another order do not show."""

    def __init__(self, model: UNet) -> None:
        super().__init__()
        self.model = model

    def output_size(self, height: int, width: int) -> tuple[int, int]:
        return self.model.output_size(height, width)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.model(images.double())


def test_predictions_are_of_files_of_any_size_and_colour(tmp_path):
    data = image_masks()
    task = learn(data)
    model = net(task).eval()
    Image.fromarray(data.test.images[0][0].numpy()).save(tmp_path / "grey.png")
    Image.fromarray(np.full((7, 50, 3), 200, np.uint8)).save(tmp_path / "colour.png")
    paths = [str(tmp_path / name) for name in ("grey.png", "colour.png")]
    found = task.masks(model, paths)
    assert [mask.shape for _, mask in found] == [(32, 40), (7, 50)]
    assert [each.input for each in task.predict(model, paths)] == paths
    prediction, mask = found[0]
    disc = float((mask == 1).mean())
    assert f"disc {disc:.1%}" in prediction.output
    assert 0.5 <= prediction.score <= 1
    assert task.notes(paths) == []
    with pytest.raises(UsageError, match=r"nothing\.png"):
        task.predict(model, [str(tmp_path / "nothing.png")])


def test_grey_and_colour_become_each_other_as_in_pillow():
    colour = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (3, 9, 11), dtype=np.uint8))
    grey = torch.from_numpy(np.array(Image.fromarray(colour.permute(1, 2, 0).numpy()).convert("L")))[None]
    learned = {"classes": ("a", "b"), "fingerprint": ""}
    for channels, image, read in ((1, colour, grey), (1, grey, grey), (3, grey, grey.repeat(3, 1, 1)), (3, colour, colour)):
        numbers = MaskPreprocessing(**learned, mean=(0.4,) * channels, deviation=(0.2,) * channels)  # type: ignore[arg-type]
        task = Segment(SegmentConfig(), numbers)
        model = net(task)
        found, expected = (task.log_probabilities(model, each, "cpu", lambda: None) for each in (image, read))
        assert torch.equal(found, expected)


def test_an_image_without_what_is_looked_for_has_no_dice():
    data = image_masks()
    task = learn(data)
    model = net(task).eval()
    nn.init.constant_(model.output.bias, -100.0)
    empty = MaskedImages(data.test.images[:1], (torch.zeros_like(data.test.masks[0]),), ("a",))
    evaluation = task.evaluate(model, dataclasses.replace(data, test=empty), "test")
    (row,) = evaluation.tables["worst_images"]
    assert row["dice"] is None
    assert row["pixel_accuracy"] == 1.0
    assert evaluation.references == ["ground 100.0%"]
