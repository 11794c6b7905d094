"""Classification: batches, standardised pixels, the loss, what is learned and saved, predictions and evaluations."""

from __future__ import annotations

import base64
import dataclasses
import io
import json

import numpy as np
import pytest
import torch
from made_images import CLASSES, SIZE, corners, image_classes
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from gyebo.data.augmentation import AugmentationConfig
from gyebo.data.colour_axes import colour_axes
from gyebo.errors import GyeboError, UsageError
from gyebo.tasks.classify import Classify, ClassifyConfig
from gyebo.tasks.image_batches import ImageBatches, Preprocessing, picture
from small_net import SmallConfig, SmallNet


def learn(data=None, **options) -> Classify:
    return Classify.learn(ClassifyConfig(**options), data or image_classes())


def net(task: Classify) -> SmallNet:
    torch.manual_seed(0)
    return SmallNet(SmallConfig(**task.model_fields()))


def trained(task: Classify, data) -> SmallNet:
    model, problem = net(task), task.problem(data, seed=1)
    optimizer = torch.optim.Adam(model.parameters(), 3e-2)
    for epoch in range(8):
        for rows in problem.training.batches(16, 1, epoch):
            (problem.loss(model, rows, "cpu") / len(rows)).backward()
            optimizer.step()
            optimizer.zero_grad()
    return model.eval()


# ---------------------------------------------------------------- batches


def test_every_epoch_shows_every_image_once_as_a_sample_of_its_own():
    split = ImageBatches(corners(50, 1))
    epochs = [np.concatenate(split.batches(16, 3, epoch)) for epoch in range(3)]
    for epoch, rows in enumerate(epochs):
        assert sorted(rows) == list(range(50 * epoch, 50 * (epoch + 1)))
    assert not np.array_equal(epochs[0], epochs[1] - 50)
    again = np.concatenate(split.batches(16, 3, 1))
    assert np.array_equal(again, epochs[1]), "a pure function of seed and epoch"
    assert not np.array_equal(np.concatenate(split.batches(16, 4, 1)), epochs[1])


@pytest.mark.parametrize(("images", "tokens"), [(50, 16), (33, 16), (17, 16), (16, 16), (3, 16), (9, 1)])
def test_batches_are_equally_large_and_not_too_large(images, tokens):
    split = ImageBatches(corners(images, 1))
    sizes = [len(rows) for rows in split.batches(tokens, 1, 0)]
    assert sum(sizes) == images
    assert max(sizes) <= tokens
    assert max(sizes) - min(sizes) <= 1
    assert [split.num_tokens(rows) for rows in split.batches(tokens, 1, 0)] == sizes


def test_a_row_is_the_same_image_in_every_epoch():
    images = corners(10, 1)
    pixels, labels = ImageBatches(images).batch(np.array([3, 13, 29]), "cpu")
    assert torch.equal(pixels, images.pixels[[3, 3, 9]])
    assert torch.equal(labels, images.labels[[3, 3, 9]])


def test_augmentation_is_a_pure_function_of_seed_epoch_and_row():
    images = corners(10, 1)
    config = AugmentationConfig(crop=2, flip=True)
    split = ImageBatches(images, 5, config)
    first, labels = split.batch(np.array([13, 14, 19]), "cpu")
    again, _ = split.batch(np.array([19, 11, 13]), "cpu")
    assert torch.equal(first[[2, 0]], again[[0, 2]]), "the rest of the batch has no part in it"
    assert torch.equal(labels, images.labels[[3, 4, 9]])
    every = np.arange(10)
    shown = [split.batch(every + 10 * epoch, "cpu")[0] for epoch in range(2)]
    assert not torch.equal(*shown)
    assert not torch.equal(shown[0], images.pixels)
    assert not torch.equal(shown[0], ImageBatches(images, 6, config).batch(every, "cpu")[0])


def test_only_what_is_trained_on_is_augmented():
    data = image_classes()
    task = learn(data, augmentation=AugmentationConfig(crop=3))
    problem, plain = task.problem(data, 1), learn(data).problem(data, 1)
    model = net(task).eval()
    rows = np.arange(20)
    assert problem.loss(model, rows, "cpu") != plain.loss(model, rows, "cpu")
    assert problem.loss(model, rows, "cpu") != problem.loss(model, rows + 60, "cpu")
    assert plain.loss(model, rows, "cpu") == plain.loss(model, rows + 60, "cpu")
    assert problem.validate(model, "cpu", lambda: None) == plain.validate(model, "cpu", lambda: None)
    assert problem.loss(model, rows, "cpu") != task.problem(data, 2).loss(model, rows, "cpu")


@pytest.mark.parametrize("channels", [1, 3])
def test_principal_colours_are_those_of_the_training_images_and_change_no_others(channels):
    train, held_out = corners(60, 1, channels=channels), corners(15, 2, channels=channels)
    data = image_classes(train, held_out, held_out)
    task = learn(data, augmentation=AugmentationConfig(principal_colours=1.0))
    assert task.preprocessing.colour_axes == colour_axes([train.pixels.transpose(0, 1).flatten(1)])
    assert learn(data).preprocessing.colour_axes == (), "what is not asked for is not computed"
    problem = task.problem(data, 1)
    rows = np.arange(60)
    shown, labels = problem.training.batch(rows, "cpu")
    assert torch.equal(labels, train.labels)
    inside = (shown > 0) & (shown < 255)
    changes = [
        {*(new.int() - old.int())[there].tolist()}
        for new, old, there in zip(shown.flatten(0, 1), train.pixels.flatten(0, 1), inside.flatten(0, 1), strict=True)
    ]
    assert {len(change) for change in changes} == {1}, "one number for a channel of an image"
    assert len({*map(tuple, changes)}) > 5, "and another for the next"
    assert torch.equal(problem.training.batch(rows[[7, 3]], "cpu")[0], shown[[7, 3]]), "whatever the batch"
    assert not torch.equal(problem.training.batch(rows + 60, "cpu")[0], shown), "another epoch, other colours"
    model = net(task).eval()
    plain = learn(data)
    assert problem.validate(model, "cpu", lambda: None) == plain.problem(data, 1).validate(model, "cpu", lambda: None)
    assert task.evaluate(model, data, "train").metrics == plain.evaluate(model, data, "train").metrics


def test_a_task_that_is_read_back_draws_the_same_colours(tmp_path):
    data = image_classes(corners(60, 1, channels=3), corners(12, 2, channels=3), corners(15, 3, channels=3))
    task = learn(data, augmentation=AugmentationConfig(principal_colours=1.0))
    task.save(tmp_path)
    again = Classify.load({"augmentation": {"principal_colours": 1.0}}, tmp_path)
    assert again.preprocessing == task.preprocessing
    batches = [each.problem(data, 1).training.batch(np.arange(9), "cpu")[0] for each in (task, again)]
    assert torch.equal(*batches)


# ---------------------------------------------------------------- what is learned


@pytest.mark.parametrize("channels", [1, 3])
def test_standardised_training_images_have_mean_zero_and_deviation_one(channels):
    images = corners(60, 1, channels=channels)
    task = learn(image_classes(train=images, validation=images, test=images))
    numbers = task.preprocessing.standardised(images.pixels)
    assert numbers.dtype == torch.float32
    torch.testing.assert_close(numbers.mean((0, 2, 3)), torch.zeros(channels), atol=1e-5, rtol=0)
    torch.testing.assert_close(numbers.std((0, 2, 3), correction=0), torch.ones(channels), atol=1e-5, rtol=0)
    assert task.model_fields() == {"num_channels": channels, "num_classes": 3, "image_size": SIZE}


def test_a_channel_that_never_changes_becomes_zero():
    images = dataclasses.replace(corners(60, 1), pixels=torch.full((60, 1, SIZE, SIZE), 7, dtype=torch.uint8))
    task = learn(image_classes(train=images))
    assert task.preprocessing.standardised(images.pixels).abs().max() < 1e-5


def test_saved_and_loaded(tmp_path):
    task = learn()
    task.save(tmp_path)
    assert Classify.load({}, tmp_path).preprocessing == task.preprocessing


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (None, r"preprocessing.json cannot be read .*Restore the file"),
        ("{", r"preprocessing.json cannot be read .*Restore the file"),
        ("[]", r"a table of options was expected. Restore"),
        ({"size": "6"}, r"'size' is '6'.*Restore"),
        ({"mean": [0.1, 0.2]}, r"2 means and 1 deviations cannot belong to 1 channels.*Restore"),
        ({"deviation": [0.0]}, r"deviation=\(0.0,\).* must be above 0"),
        ({"mean": [float("nan")]}, r"a finite number was expected"),
        ({"colour_axes": [[0.1, 0.2]]}, r"colour_axes=\(\(0.1, 0.2\),\) do not belong to 1 channels.*Restore"),
    ],
)
def test_a_damaged_file_is_named(tmp_path, change, message):
    task = learn()
    task.save(tmp_path)
    path = tmp_path / "preprocessing.json"
    if change is None:
        path.unlink()
    else:
        whole = json.loads(path.read_text())
        path.write_text(change if isinstance(change, str) else json.dumps(whole | change))
    with pytest.raises(GyeboError, match=message):
        Classify.load({}, tmp_path)


def test_a_file_from_before_there_were_colour_axes_is_read(tmp_path):
    task = learn()
    task.save(tmp_path)
    path = tmp_path / "preprocessing.json"
    whole = json.loads(path.read_text())
    del whole["colour_axes"]
    path.write_text(json.dumps(whole))
    assert Classify.load({}, tmp_path).preprocessing == task.preprocessing


def test_one_class_only_is_refused():
    images = corners(9, 1, classes=1)
    with pytest.raises(UsageError, match=r"corners has one class only, 'top left'.*Give images of another class"):
        learn(image_classes(images, images, images, classes=("top left",)))


def test_a_class_without_training_images_is_refused():
    with pytest.raises(UsageError, match=r"has 2 images for 3 classes, and none of 'bottom'\. Give more images of each class"):
        learn(image_classes(train=corners(2, 1)))


@pytest.mark.parametrize("split", ["validation", "test"])
def test_nothing_to_measure_by_is_refused(split):
    with pytest.raises(UsageError, match=f"none is left for its {split} split.* --classify.images.{split}-files FOLDER"):
        learn(dataclasses.replace(image_classes(), **{split: corners(0, 1)}))


@pytest.mark.parametrize("options", [{"label_smoothing": 1.0}, {"human_error": 1.0}, {"human_error": -0.1}])
def test_shares_are_shares(options):
    with pytest.raises(ValueError, match="is not a share"):
        ClassifyConfig(**options)


# ---------------------------------------------------------------- loss and metrics


def test_the_loss_is_the_cross_entropy_summed_over_the_images():
    data = image_classes()
    task = learn(data, label_smoothing=0.1)
    model, problem = net(task).eval(), task.problem(data, seed=1)
    rows = np.array([4, 5, 66])
    pixels, labels = problem.training.batch(rows, "cpu")
    log_p = model(task.preprocessing.standardised(pixels)).log_softmax(-1)
    smooth = 0.9 * F.one_hot(labels, 3) + 0.1 / 3
    torch.testing.assert_close(problem.loss(model, rows, "cpu"), -(smooth * log_p).sum())


def test_a_model_with_a_loss_of_its_own_is_trained_with_it():
    class Own(SmallNet):
        def training_loss(self, images: Tensor, labels: Tensor) -> Tensor:
            return self(images).square().sum() + labels.sum()

    data = image_classes()
    task = learn(data)
    model = Own(SmallConfig(**task.model_fields())).eval()
    pixels, labels = ImageBatches(data.train).batch(np.arange(4), "cpu")
    expected = model(task.preprocessing.standardised(pixels)).square().sum() + labels.sum()
    torch.testing.assert_close(task.problem(data).loss(model, np.arange(4), "cpu"), expected)
    task.problem(data).check(model)
    with pytest.raises(UsageError, match=r"label_smoothing=0.1 belongs to the cross-entropy.* --classify.label-smoothing 0"):
        learn(data, label_smoothing=0.1).problem(data).check(model)


def test_validation_measures_without_smoothing_or_dropout():
    data = image_classes()
    task = learn(data, label_smoothing=0.3)
    model = net(task).train()
    metrics = task.problem(data).validate(model, "cpu", lambda: None)
    assert model.training
    model.eval()
    logits = model(task.preprocessing.standardised(data.validation.pixels))
    assert metrics["loss"] == pytest.approx(F.cross_entropy(logits, data.validation.labels).item(), rel=1e-5)
    assert set(metrics) == {"loss", "accuracy", "macro_f1", "calibration_error"}
    problem = task.problem(data)
    assert [problem.higher_is_better(name) for name in metrics] == [False, True, True, False]
    with pytest.raises(UsageError, match=r"has no metric 'acuracy'. Did you mean 'accuracy'"):
        problem.higher_is_better("acuracy")


def test_an_evaluation_can_be_interrupted():
    class Stop(Exception):
        pass

    def interrupt() -> None:
        raise Stop

    data = image_classes()
    task = learn(data)
    with pytest.raises(Stop):
        task.problem(data).validate(net(task), "cpu", interrupt)


# ---------------------------------------------------------------- evaluation


def test_an_evaluation_tells_metrics_mistakes_and_pictures():
    data = image_classes()
    task = learn(data, human_error=0.0)
    model = net(task)
    found = task.evaluate(model, data, "test")
    assert len(found.predictions) == len(found.references) == 15
    right = [each.output == label for each, label in zip(found.predictions, found.references, strict=True)]
    assert found.metrics["accuracy"] == sum(right) / 15
    tables = found.tables
    assert [row["level"] for row in tables["bias_and_variance"]] == ["human level", "train", "validation", "test"]
    assert tables["bias_and_variance"][-1]["error"] == pytest.approx(1 - found.metrics["accuracy"])
    assert sum(row[f"as {name}"] for row in tables["confusion_matrix"] for name in CLASSES) == 15
    assert [row["class"] for row in tables["classes"]] == list(CLASSES)
    wrong = [each.input for each, is_right in zip(found.predictions, right, strict=True) if not is_right]
    assert {row["image"] for row in tables["worst_mistakes"]} <= set(wrong)
    assert len(found.pictures["worst_mistakes"]) == len(tables["worst_mistakes"]) == min(12, len(wrong)) > 0
    name = tables["worst_mistakes"][0]["image"]
    shown = Image.open(io.BytesIO(base64.b64decode(found.pictures["worst_mistakes"][0])))
    assert np.array_equal(np.array(shown), data.test.pixels[list(data.test.names).index(name), 0].numpy())
    validation = task.evaluate(model, data, "validation")
    assert [row["level"] for row in validation.tables["bias_and_variance"]] == ["human level", "train", "validation"]


def test_what_was_learned_is_right_and_other_data_say_nothing_of_bias():
    data = image_classes()
    task = learn(data)
    model = trained(task, data)
    assert task.evaluate(model, data, "test").metrics["accuracy"] > 0.9
    other = image_classes(test=corners(30, 9))
    assert task.evaluate(model, other, "test").tables["bias_and_variance"] == [], "their training split was not trained on"


@pytest.mark.parametrize("size", [7, 40, 60, 1000])
def test_the_sample_of_the_training_split_is_spread_over_all_of_it(size, monkeypatch):
    images = corners(60, 1)
    data = image_classes(train=images.select(images.labels.argsort(stable=True)))  # sorted by class, as folders are
    seen = {}

    def judge(self, model, split, images, device, interrupt):
        seen[split] = images
        return genuine(self, model, split, images, device, interrupt)

    genuine = Classify.judge
    monkeypatch.setattr(Classify, "judge", judge)
    monkeypatch.setattr("gyebo.tasks.classify.TRAINING_SAMPLE", size)
    task = learn(data)
    rows = task.evaluate(net(task), data, "test").tables["bias_and_variance"]
    assert rows[1]["images"] == len({*seen["train"].names}) == min(size, 60)
    counts = torch.bincount(seen["train"].labels, minlength=3)
    assert counts.max() - counts.min() <= 1


def test_classes_are_matched_by_name_and_unknown_ones_refused():
    data = image_classes()
    task = learn(data)
    model = trained(task, data)
    test = data.test
    swapped = dataclasses.replace(test, labels=torch.tensor([1, 0, 2])[test.labels])
    other = image_classes(swapped, swapped, swapped, classes=("top right", "top left", "bottom"))
    assert task.evaluate(model, other, "test").metrics == pytest.approx(task.evaluate(model, data, "test").metrics)
    fewer = test.select((test.labels < 2).nonzero()[:, 0])
    assert task.evaluate(model, image_classes(fewer, fewer, fewer, classes=CLASSES[:2]), "test").metrics["accuracy"] > 0.8
    strange = image_classes(test, test, test, classes=("top left", "top right", "middle"))
    with pytest.raises(
        UsageError, match=r"of the class 'middle', which the training data did not have. Known classes are 'top left'"
    ):
        task.evaluate(model, strange, "test")


# ---------------------------------------------------------------- prediction


def test_predictions_for_files(tmp_path):
    data = image_classes()
    task = learn(data)
    model = trained(task, data)
    paths = [str(tmp_path / f"{number}.png") for number in range(15)]
    for path, pixels in zip(paths, data.test.pixels, strict=True):
        Image.fromarray(pixels[0].numpy()).save(path)
    found = task.predict(model, paths)
    expected = task.evaluate(model, data, "test").predictions
    assert [each.output for each in found] == [each.output for each in expected]
    first = found[0]
    assert first.input == paths[0]
    assert first.score >= max(first.alternative_scores)
    assert {first.output, *first.alternatives} == set(CLASSES)
    assert first.score + sum(first.alternative_scores) == pytest.approx(1)
    colour = tmp_path / "colour.png"
    Image.fromarray(data.test.pixels[0, 0].numpy()).convert("RGB").resize((30, 30), Image.Resampling.NEAREST).save(colour)
    assert task.predict(model, [str(colour)])[0].output == first.output, "another size and colours are brought to those of training"
    assert task.predict(model, []) == []


def test_a_file_that_is_no_image_is_named(tmp_path):
    task = learn()
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    for path in (broken, tmp_path / "missing.png"):
        with pytest.raises(GyeboError, match=path.name):
            task.predict(net(task), [str(path)])


def test_padding_of_the_data_is_that_of_predictions(tmp_path):
    inside = corners(60, 1)
    padded = dataclasses.replace(inside, pixels=F.pad(inside.pixels, (2, 2, 2, 2)))
    data = image_classes(padded, padded, padded)
    preprocessing = Preprocessing.of(data, padding=2, augmentation=AugmentationConfig())
    assert (preprocessing.size, preprocessing.image_size) == (SIZE, SIZE + 4)
    path = tmp_path / "one.png"
    Image.fromarray(inside.pixels[0, 0].numpy()).save(path)
    assert torch.equal(preprocessing.read(path), padded.pixels[0])


@pytest.mark.parametrize("channels", [1, 3])
def test_large_pictures_are_made_smaller(channels):
    pixels = torch.randint(0, 255, (channels, 200, 100), dtype=torch.uint8)
    assert Image.open(io.BytesIO(base64.b64decode(picture(pixels)))).size == (48, 96)
    small = pixels[:, :9, :7]
    shown = np.array(Image.open(io.BytesIO(base64.b64decode(picture(small))))).reshape(9, 7, channels)
    assert np.array_equal(shown, small.permute(1, 2, 0).numpy())


def test_the_net_of_these_tests_is_what_the_task_asks_of_a_model():
    model = net(learn())
    images = torch.randn(4, 1, SIZE, SIZE)
    model.eval()
    assert torch.equal(model(images), model.logits(model.features(images)))
    assert isinstance(model, nn.Module)
