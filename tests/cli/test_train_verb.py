"""`gyebo train`: every field an option, the run's name, resuming, what is said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from gyebo_command import TINY, Gyebo

from gyebo.cli.train import read_command, with_architecture
from gyebo.errors import UsageError
from gyebo.recipes import read_recipe


def test_every_kind_of_field_is_an_option_by_its_path():
    words = (
        "--model.width 256 --optimizer.rate=3e-4 --translate.source.unit word --epochs 3 --seed 2 --steps 7 --minutes 1.5 --threads 1"
        " --precision bf16 --data a.tsv b.tsv --optimizer.betas 0.8 0.9 --evaluation.target 0.9 --compile --translate.max_tokens 50"
    )
    recipe, _ = read_command("dates", words.split())
    assert recipe.model.width == 256  # type: ignore[attr-defined]
    assert recipe.model.readout_width == 64  # type: ignore[attr-defined]  # the recipe's own
    assert recipe.optimizer.rate == 3e-4
    assert recipe.optimizer.betas == (0.8, 0.9)
    assert recipe.translate.source.unit == "word"  # type: ignore[attr-defined]
    assert recipe.translate.max_tokens == 50  # type: ignore[attr-defined]
    assert (recipe.epochs, recipe.seed, recipe.steps, recipe.minutes, recipe.threads) == (3, 2, 7, 1.5, 1)
    assert (recipe.precision, recipe.compile, recipe.evaluation.target) == ("bf16", True, 0.9)
    assert recipe.data == ("a.tsv", "b.tsv")


def test_without_options_the_recipe_is_as_it_stands():
    assert read_command("dates", [])[0] == read_recipe("dates")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], "dates"),
        (["--data", "dir/mine.tsv.gz"], "dates-mine"),
        (["--data", "mine.de", "mine.en"], "dates-mine"),
        (["--data", "dates"], "dates"),
        (["--data", "dir/.hidden"], "dates-.hidden"),
        (["--architecture", "seq2seq"], "dates-seq2seq"),
        (["--architecture=bahdanau"], "dates"),
        (["--data", "m.csv", "--name", "other"], "other"),
        (["--name", "날짜"], "날짜"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_the_run_is_named_after_what_makes_it(words: list[str], expected: str):
    assert read_command("dates", words)[1].name == expected


@pytest.mark.parametrize("name", ["..", "a/b", "/tmp/x", "a\nb"])
def test_a_name_is_one_folder(name: str):
    with pytest.raises(UsageError, match="the name of one folder was expected"):
        read_command("dates", ["--name", name])


def test_another_architecture_keeps_the_model_fields_that_both_have():
    recipe = with_architecture(read_recipe("dates"), "seq2seq")
    assert recipe.architecture == "seq2seq"
    assert recipe.model.width == 96  # type: ignore[attr-defined]
    assert not hasattr(recipe.model, "alignment_width")  # type: ignore[attr-defined]
    changed, _ = read_command("dates", ["--architecture", "seq2seq", "--model.num-layers", "3"])
    assert changed.model.num_layers == 3  # type: ignore[attr-defined]
    assert changed.optimizer == recipe.optimizer


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["dates", "--epoch", "3"], "`gyebo train dates` has no option '--epoch'. Did you mean '--epochs'?"),
        (["dates", "--width", "3"], "has no option '--width'. Did you mean '--model.width'?"),
        (["dates", "--model.widht", "3"], "has no option '--model.widht'. Did you mean '--model.width'?"),
        (["dates", "--epochs", "x"], "--epochs is 'x', but a whole number was expected."),
        (["dates", "--optimizer.rate", "fast"], "--optimizer.rate is 'fast', but a number was expected."),
        (["dates", "--optimizer.rate", "-1"], "optimizer.rate=-1.0 moves nothing; try 0.001."),
        (["dates", "--optimizer.name", "adm"], "--optimizer.name is 'adm'. Did you mean 'adam'?"),
        (["dates", "--epochs", "0"], "training would never end"),
        (["dates", "--epochs"], "Missing value for argument '--epochs'."),
        (["dates", "--architecture", "bahdanua"], "There is no architecture 'bahdanua'. Did you mean 'bahdanau'?"),
        (["dats"], "There is no recipe 'dats'. Did you mean 'dates'?"),
        (["mine.toml"], "There is no recipe file mine.toml."),
        (["--epochs", "3", "dates"], "The recipe comes before the options: gyebo train RECIPE --epochs ..."),
        (["dates", "--data", "no.tsv"], "'no.tsv' is neither a named dataset nor a file that is there."),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_options_are_told_before_anything_is_written(
    words: list[str], expected: str, gyebo: Gyebo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    said = gyebo("train", *words)
    assert (said.code, said.out) == (2, "")
    assert expected in said.told
    assert not list(tmp_path.glob("runs/*/config.json"))


def test_a_recipe_without_data_asks_for_it(gyebo: Gyebo, tmp_path: Path):
    said = gyebo("train", "translate", "--runs-dir", tmp_path)
    assert said.code == 2
    assert "Name a dataset or your own data: --data FILE.tsv" in said.told


def test_help_shows_the_recipes_own_values(gyebo: Gyebo, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "100")
    said = gyebo("train", "dates", "--help")
    assert said.code == 0
    assert "--model.width INT (default: 96)" in " ".join(said.out.replace("│", " ").split())
    for table in ("batch", "optimizer", "schedule", "evaluation", "model", "translate.source"):
        assert f" {table} options " in said.out
    assert "--task" not in said.out
    assert "--result" not in said.out


def test_help_without_a_recipe_lists_them(gyebo: Gyebo):
    said = gyebo("train", "--help")
    assert said.code == 0
    assert "dates" in said.out
    assert gyebo("train").code == 2


def test_training_says_the_result_samples_paths_and_what_is_next(gyebo: Gyebo, runs_dir: Path, dates_file: Path):
    said = gyebo("train", "dates", "--data", dates_file, "--name", "tiny", "--runs-dir", runs_dir, *TINY)
    assert said.code == 0
    assert "was finished already: 4 steps are done. More --epochs, --steps or --minutes train it further." in said.out
    assert "exact match" in said.out
    assert "reference" in said.out
    assert f"report  {runs_dir / 'tiny' / 'report.html'}" in said.out
    for command in ("gyebo predict", "gyebo look", "gyebo train translate --data FILE.tsv"):
        assert command in said.out


def test_more_steps_train_on_and_another_recipe_does_not(gyebo: Gyebo, dates_file: Path, tmp_path: Path):
    begun = ["train", "dates", "--data", dates_file, "--name", "on", "--runs-dir", tmp_path, "--schedule.name", "constant"]
    begun += ["--epochs", 0]  # the recipe's own limit comes before six steps of so few dates
    assert gyebo(*begun, *TINY).code == 0
    said = gyebo(*begun, *TINY, "--steps", 6)
    assert said.code == 0
    assert "begun earlier, checkpoint at step 4" in said.err
    assert "validation loss" in said.err
    assert "6 steps in" in said.out
    refused = gyebo(*begun, *TINY, "--model.width", 9)
    assert refused.code == 2
    assert "model.width was 8 and is now 9" in refused.told


def test_a_recipe_of_ones_own_and_the_optional_sink(gyebo: Gyebo, dates_file: Path, tmp_path: Path):
    recipe = tmp_path / "mine.toml"
    recipe.write_text(f'task = "translate"\narchitecture = "bahdanau"\ndata = ["{dates_file}"]\n', encoding="utf-8")
    said = gyebo("train", recipe, "--runs-dir", tmp_path / "runs", *TINY, "--tensorboard")
    assert said.code == 0, said.err
    assert list((tmp_path / "runs" / "mine" / "tensorboard").glob("events*"))


def test_a_missing_tensorboard_names_the_extra(gyebo: Gyebo, dates_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(__import__("sys").modules, "torch.utils.tensorboard.writer", None)
    said = gyebo("train", "dates", "--data", dates_file, "--runs-dir", tmp_path, "--tensorboard", *TINY)
    assert said.code == 2
    assert "--tensorboard needs the extra `track`: pip install 'gyebo[track]'" in said.told
    assert not list(tmp_path.iterdir())


def test_the_run_folder_holds_the_recipe_as_it_was_trained(runs_dir: Path):
    recipe = read_recipe(str(runs_dir / "tiny" / "recipe.toml"))
    assert (recipe.name, recipe.steps, recipe.model.width) == ("dates", 4, 8)  # type: ignore[attr-defined]
    assert json.loads((runs_dir / "tiny" / "results.json").read_text())["steps"] == 4
