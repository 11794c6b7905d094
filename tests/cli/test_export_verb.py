"""`export`: a run in another format, scored beside itself, and used by the other verbs as a run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from gyebo_command import Gyebo


@pytest.fixture(scope="module")
def exported(runs_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The export of the run `tiny`, made once."""
    from gyebo.cli import main

    folder = tmp_path_factory.mktemp("exports") / "tiny"
    assert main(["export", "tiny", "--runs-dir", str(runs_dir), "--output", str(folder), "--json"]) == 0
    return folder


def test_predict_and_evaluate_take_an_export(gyebo: Gyebo, runs_dir: Path, exported: Path):
    texts = ("1.2.2003", "4.5.2006")
    assert gyebo("predict", exported, *texts).out == gyebo("predict", runs_dir / "tiny", *texts).out
    own, theirs = (json.loads(gyebo("evaluate", run, "--json").out)["metrics"] for run in (exported, runs_dir / "tiny"))
    assert own == pytest.approx(theirs, abs=1e-4)


def test_an_export_is_loaded_and_not_looked_into(gyebo: Gyebo, exported: Path):
    import gyebo as package

    assert package.load(exported).predict(["1.2.2003"])[0].output
    said = gyebo("look", exported, "alignment")
    assert said.code == 2
    assert "is an ONNX export, and no view sees into its graphs. Look into the run that it came from." in said.told


@pytest.fixture
def quick(exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exports that take the graphs which are there already."""
    from gyebo.interop import onnx_export
    from gyebo.interop.onnx_graphs import Graphs

    graphs = Graphs(*((exported / name).read_bytes() for name in ("encoder.onnx", "step.onnx")))
    monkeypatch.setattr(onnx_export, "translator_graphs", lambda model, metadata: graphs)


@pytest.mark.usefixtures("quick")
def test_export_tells_both_scores(gyebo: Gyebo, runs_dir: Path, tmp_path: Path):
    said = gyebo("export", "tiny", "--runs-dir", runs_dir, "--format", "onnx", "--output", tmp_path / "new")
    assert said.code == 0, said.err
    stored = json.loads((runs_dir / "tiny" / "results.json").read_text())["splits"]["test"]["metrics"]["bleu"]
    told = dict(line.rsplit(maxsplit=1) for line in said.out.splitlines() if line.startswith("BLEU"))
    assert told == {"BLEU, the run": f"{stored:.2f}", "BLEU, ONNX Runtime": f"{stored:.2f}"}
    assert "largest difference" in said.out
    assert "step.onnx" in said.out
    assert "nrefs:1" in said.out
    assert f"gyebo predict {tmp_path / 'new'} TEXT" in said.out


@pytest.mark.usefixtures("quick")
def test_export_as_json_without_a_score(gyebo: Gyebo, runs_dir: Path, tmp_path: Path):
    said = gyebo("export", runs_dir / "tiny", "--output", tmp_path / "new", "--json", "--no-score")
    numbers = json.loads(said.out)
    assert (said.code, numbers["folder"]) == (0, str(tmp_path / "new"))
    assert numbers["largest_difference"] <= 1e-5
    assert "bleu" not in numbers


@pytest.mark.usefixtures("quick")
def test_a_run_without_results_is_scored_with_its_model(gyebo: Gyebo, runs_dir: Path, tmp_path: Path):
    begun = Path(shutil.copytree(runs_dir / "tiny", tmp_path / "begun"))
    (begun / "results.json").unlink()
    said = gyebo("export", begun, "--json")
    assert said.code == 0, said.err
    bleu = json.loads(said.out)["bleu"]
    assert bleu["run"] == pytest.approx(bleu["onnx"], abs=0.1)
    assert (begun / "onnx" / "export.json").is_file()


@pytest.mark.usefixtures("quick")
def test_another_score_leaves_nothing(gyebo: Gyebo, runs_dir: Path, tmp_path: Path):
    run = Path(shutil.copytree(runs_dir / "tiny", tmp_path / "tiny"))
    results = json.loads((run / "results.json").read_text())
    results["splits"]["test"]["metrics"]["bleu"] = 99.0
    (run / "results.json").write_text(json.dumps(results))
    said = gyebo("export", run)
    assert (said.code, said.out) == (1, "")
    assert "and the run itself 99.00: more than 0.1 apart, so nothing was written" in said.told
    assert not (run / "onnx").exists()
    assert not [path.name for path in run.iterdir() if path.name.startswith(".exporting")]


def test_data_that_are_gone_are_told_before_the_work(gyebo: Gyebo, runs_dir: Path, tmp_path: Path):
    run = Path(shutil.copytree(runs_dir / "tiny", tmp_path / "tiny"))
    recipe = (run / "recipe.toml").read_text()
    (run / "recipe.toml").write_text(recipe.replace("days.tsv", "gone.tsv"))
    said = gyebo("export", run)
    assert said.code == 2
    assert "Or export without scoring: --no-score." in said.told
    assert not (run / "onnx").exists()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["tinny"], "There is no run 'tinny'. Did you mean 'tiny'?"),
        (["tiny", "--format", "onx"], "--format is 'onx'. Did you mean 'onnx'?"),
        (["tiny", "--format", "tflite"], "Known are: onnx."),
        (["tiny", "--fromat", "onnx"], "has no option '--fromat'. Did you mean '--format'?"),
    ],
    ids=["run", "near format", "format", "option"],
)
def test_wrong_words_of_export(words: list[str], expected: str, gyebo: Gyebo, runs_dir: Path):
    said = gyebo("export", *words, "--runs-dir", runs_dir)
    assert (said.code, said.out) == (2, "")
    assert expected in said.told
