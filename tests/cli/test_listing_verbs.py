"""`list`, `show`, `data` and `verify`: what tells what there is."""

from __future__ import annotations

import ast
import dataclasses
import json
import re
from importlib import import_module
from pathlib import Path

import pytest
from gyebo_command import Gyebo
from PIL import Image

from gyebo.claims.catalogue import claim_names
from gyebo.claims.verdicts import StoredVerdict
from gyebo.cli.architecture_facts import config_fields, references, source_file
from gyebo.cli.listing import KINDS, METRICS
from gyebo.cli.recipe_facts import recipe_facts, recipe_path
from gyebo.data.registry import all_datasets
from gyebo.errors import UsageError
from gyebo.genealogy import architecture, architecture_names
from gyebo.recipes import read_recipe, recipe_names
from gyebo.tasks import TASKS
from gyebo.tasks.metric_wording import metric_name, metric_text
from gyebo.verification import Record
from gyebo.verification.parity import parity_cases

# list


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_table_and_json(kind: str, gyebo: Gyebo, runs_dir: Path):
    table, plain = gyebo("list", kind, "--runs-dir", runs_dir), gyebo("list", kind, "--runs-dir", runs_dir, "--json")
    assert (table.code, plain.code) == (0, 0)
    rows = json.loads(plain.out)
    assert rows
    for row in rows:
        assert next(iter(row.values())) in table.out


def test_list_shows_the_three_parts_of_a_recipe(gyebo: Gyebo):
    everything = json.loads(gyebo("list", "--json").out)
    assert [row["name"] for row in everything["architectures"]] == [*architecture_names()]
    assert [row["name"] for row in everything["recipes"]] == [*recipe_names()]
    assert [row["name"] for row in everything["datasets"]] == [item.name for item in all_datasets()]


def test_the_tree_hangs_children_on_parents_with_what_they_fix(gyebo: Gyebo):
    lines = gyebo("list", "architectures").out.splitlines()
    assert next(line for line in lines if line.split("  ")[0].split()[-1:] == ["lstm"]).startswith("└── lstm  1997  ")
    told = " ".join(" ".join(lines).replace("│", " ").split())
    for row in json.loads(gyebo("list", "architectures", "--json").out):
        for number, edge in enumerate(row["edges"]):
            begin = f"also from {edge['parent']}:" if number else "fixes:"
            assert f"{begin} {edge['fixes']} " in told
            assert edge["verdict"] in told
        assert not row["variant_of"] or f"variant {row['name']} {row['year']}" in told


def test_the_tree_shows_the_readers_own_verdict(gyebo: Gyebo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    claims = tmp_path / "claims"
    verdicts: dict[Path, StoredVerdict] = {
        claims: StoredVerdict(
            verdict="does not hold", effects={}, seeds=(1, 2, 3), minutes=1.0, machine="", version="", origin="own", outdated=False
        )
    }
    monkeypatch.setattr("gyebo.tree.outcomes.stored_verdict", lambda name, folder: verdicts.get(folder))
    assert "✗ does not hold" in gyebo("list", "architectures", "--claims-dir", claims).out
    assert "✗" not in gyebo("list", "architectures", "--claims-dir", tmp_path).out


def test_list_writes_the_pages_of_the_tree(gyebo: Gyebo, tmp_path: Path):
    said = gyebo("list", "--pages", tmp_path / "docs")
    written = sorted(path.name for path in (tmp_path / "docs").iterdir())
    assert written == sorted(f"genealogy{suffix}.{kind}" for suffix in ("", ".ko") for kind in ("html", "md", "svg"))
    assert all(f"written to {tmp_path / 'docs' / name}" in said.out for name in written)


@pytest.mark.parametrize("given", ["recipes", "--json"])
def test_pages_go_with_nothing_else(given: str, gyebo: Gyebo, tmp_path: Path):
    said = gyebo("list", given, "--pages", tmp_path)
    assert (said.code, said.out) == (2, "")
    assert f"lists nothing: leave out {given}, or leave out --pages." in said.told


def test_a_folder_without_runs_says_how_to_make_one(gyebo: Gyebo, tmp_path: Path):
    said = gyebo("list", "runs", "--runs-dir", tmp_path / "none")
    assert (said.code, said.out) == (0, f"{tmp_path / 'none'} holds no run; train one with `gyebo train dates`.\n")


def test_a_damaged_run_hides_no_other(gyebo: Gyebo, tmp_path: Path):
    for name, text in (("broken", "{"), ("list", "[]"), ("sound", '{"architecture": "gru"}')):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text(text)
    rows = json.loads(gyebo("list", "runs", "--runs-dir", tmp_path, "--json").out)
    assert [(row["name"], row["architecture"]) for row in rows] == [("broken", None), ("list", None), ("sound", "gru")]


def test_a_list_names_metrics_as_a_person_does(gyebo: Gyebo, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "200")
    told = gyebo("list", "recipes").out
    assert "exact match 100.00 % in 0.6 minutes" in told
    assert "BLEU 15.07 in 22.2 minutes" in told
    assert "bleu " not in told


def write_run(folder: Path, task: str, metrics: dict[str, float]) -> None:
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"task": task}))
    (folder / "results.json").write_text(json.dumps({"splits": {"test": {"metrics": metrics}}}))


def metrics_of(task: str) -> set[str]:
    """All that a task measures on some data."""
    module = import_module(TASKS[task][0])
    return {*module.HIGHER_IS_BETTER, *getattr(module, "OF_TWO_CLASSES", {})}


@pytest.mark.parametrize("task", TASKS)
def test_runs_of_every_task_show_what_they_reached(task: str, gyebo: Gyebo, tmp_path: Path):
    write_run(tmp_path / "one", task, dict.fromkeys(metrics_of(task), 0.25))
    (row,) = json.loads(gyebo("list", "runs", "--runs-dir", tmp_path, "--json").out)
    reached = {metric for metric, value in row.items() if value == 0.25}
    assert reached == {*METRICS[task]}
    assert reached
    told = gyebo("list", "runs", "--runs-dir", tmp_path).out
    for metric in reached:
        assert metric_name(metric) in told.splitlines()[0]
        assert metric_text(metric, 0.25) in told


def test_runs_of_several_tasks_stand_in_one_table(gyebo: Gyebo, tmp_path: Path):
    write_run(tmp_path / "classifier", "classify", {"loss": 0.1, "accuracy": 0.98765})
    write_run(tmp_path / "reader", "language", {"perplexity": 24.8642, "accuracy": 0.5})
    write_run(tmp_path / "translator", "translate", {"exact_match": 0.25, "bleu": 31.4159, "accuracy": 0.75})
    classifier, reader, translator = json.loads(gyebo("list", "runs", "--runs-dir", tmp_path, "--json").out)
    assert (reader["perplexity"], reader["bleu"], translator["bleu"]) == (24.8642, None, 31.4159)
    accuracies = (classifier["accuracy"], reader["accuracy"], translator["accuracy"])
    assert accuracies == (0.9877, None, None), "of images, not of the tokens of a text"
    head, _, *rows = gyebo("list", "runs", "--runs-dir", tmp_path).out.splitlines()
    assert head.split() == ["name", "state", "accuracy", "perplexity", "exact", "match", "BLEU"]
    assert [row.split()[2:] for row in rows] == [["98.77", "%"], ["24.86"], ["25.00", "%", "31.42"]]


# show


@pytest.mark.parametrize("name", architecture_names())
def test_an_architecture_is_shown_in_full(name: str, gyebo: Gyebo):
    shown = json.loads(gyebo("show", name, "--json").out)["architecture"]
    words = " ".join(gyebo("show", name).out.split())
    for told in (shown["link"], *shown["parents"], *shown["children"], *shown["variants"], *shown["sizes"], *shown["references"]):
        assert told in words
    for size in shown["sizes"].values():
        assert f"{size['parameters']:,}" in words
        assert not size["multiply_adds"] or f"{size['multiply_adds']:,}" in words
    for row in (*shown["config"], *shown["recipes"]):
        assert next(iter(row.values())) in words


@pytest.mark.parametrize("name", architecture_names())
def test_config_and_references_read_from_the_source_are_the_real_ones(name: str):
    fields = {field.name: field.default for field in dataclasses.fields(architecture(name).config)}
    read = {
        row["name"]: dataclasses.MISSING if row["default"] is None else ast.literal_eval(row["default"])
        for row in config_fields(name)
    }
    assert read == fields
    assert sorted(references(name)) == sorted(case.reference for case in parity_cases() if case.architecture == name)
    assert source_file(name).is_file()


@pytest.mark.parametrize("name", claim_names())
def test_a_claim_is_shown_with_what_could_come_out(name: str, gyebo: Gyebo):
    shown = json.loads(gyebo("show", name, "--json").out)["claim"]
    words = " ".join(gyebo("show", name).out.split())
    assert shown["statement"] in words
    assert all(verdict in words for verdict in shown["outcomes"])
    assert f"gyebo claim {name}" in words


@pytest.mark.parametrize("name", recipe_names())
def test_a_recipe_is_shown_as_its_file_stands(name: str, gyebo: Gyebo):
    shown = json.loads(gyebo("show", name, "--json").out)["recipe"]
    assert shown["architecture"] == read_recipe(name).architecture
    assert f"recipe {name}" in gyebo("show", name).out


def test_all_that_has_the_name_is_shown(gyebo: Gyebo):
    assert list(json.loads(gyebo("show", "dates", "--json").out))[:2] == ["recipe", "dataset"]


def test_a_run_is_shown_with_its_metrics(gyebo: Gyebo, runs_dir: Path):
    shown = json.loads(gyebo("show", "tiny", "--runs-dir", runs_dir, "--json").out)["run"]
    assert (shown["state"], shown["steps"], shown["data"]) == ("finished", 4, "days")
    told = gyebo("show", runs_dir / "tiny").out
    assert "exact match" in told
    assert "exact_match" not in told


@pytest.mark.parametrize(
    ("name", "reached"), [("bahdanau", "exact match 100.00 %"), ("seq2seq", "BLEU 15.07"), ("dates", "exact match 100.00 %")]
)
def test_what_is_reached_is_named_as_a_person_does(name: str, reached: str, gyebo: Gyebo, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "200")  # so that no cell is wrapped
    assert reached in gyebo("show", name).out


def test_an_unknown_name_is_told_the_nearest(gyebo: Gyebo):
    said = gyebo("show", "bahdanua")
    assert said.code == 2
    assert "Did you mean 'bahdanau'?" in said.told


def test_a_recipe_that_is_not_toml_is_told(tmp_path: Path):
    path = tmp_path / "broken.toml"
    path.write_text("epochs = = 3")
    with pytest.raises(UsageError, match="is not a TOML file"):
        recipe_facts(path)
    assert recipe_path(str(tmp_path / "none.toml")) is None


# data


def test_data_lists_what_is_present(gyebo: Gyebo, tmp_path: Path):
    listed = json.loads(gyebo("data", "--data-dir", tmp_path, "--json").out)
    states = {row["name"]: row["state"] for row in listed["datasets"]}
    assert listed["folder"] == str(tmp_path)
    assert (states["dates"], states["multi30k"]) == ("at hand", "to download")
    file = tmp_path / next(item for item in all_datasets() if item.name == "multi30k").files[0].path
    file.parent.mkdir(parents=True)
    file.write_bytes(b"")
    assert "1 of 12 files there" in gyebo("data", "--data-dir", tmp_path).out


def test_data_describes_a_file_with_samples(gyebo: Gyebo, dates_file: Path):
    said = json.loads(gyebo("data", dates_file, "--samples", 3, "--seed", 5, "--json").out)
    assert len(said["samples"]) == 3
    assert sum(split["pairs"] for split in said["splits"].values()) == 192
    assert said == json.loads(gyebo("data", dates_file, "--samples", 3, "--seed", 5, "--json").out)
    assert said["samples"] != json.loads(gyebo("data", dates_file, "--samples", 3, "--seed", 6, "--json").out)["samples"]
    table = gyebo("data", dates_file, "--pairs.limit", 50).out
    assert "train" in table
    assert "The first 50 of" in table


def test_data_describes_images(gyebo: Gyebo):
    said = json.loads(gyebo("data", "digits", "--images.size", 10, "--samples", 3, "--json").out)
    assert (said["height"], said["channels"], len(said["samples"])) == (10, 1, 3)
    assert said["splits"]["validation"] == {"images": 200, "classes": {str(digit): 20 for digit in range(10)}}
    assert said["samples"][0]["class"] in said["classes"]
    table = gyebo("data", "digits").out
    assert "CC BY 4.0" in table
    assert re.search(r"all +1,297 +200 +300", table)


def test_data_describes_a_folder_of_images(gyebo: Gyebo, tmp_path: Path):
    for number in range(20):
        path = tmp_path / "그림" / ("개", "고양이")[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (6, 6), number).save(path)
    said = json.loads(gyebo("data", tmp_path / "그림", "--json").out)
    assert (said["name"], said["classes"]) == ("그림", ["개", "고양이"])
    assert said["splits"]["train"]["images"] == 16
    assert "고양이" in gyebo("data", tmp_path / "그림").out
    assert gyebo("data", tmp_path / "그림", "--images.test", 20).code == 2


def test_a_broken_file_is_told_by_line(gyebo: Gyebo, tmp_path: Path):
    file = tmp_path / "bad.tsv"
    file.write_text("a\tb\nc\n")
    said = gyebo("data", file)
    assert (said.code, said.out) == (2, "")
    assert f"{file}, line 2 has 1 column" in said.told


def test_text_cannot_move_the_cursor(gyebo: Gyebo, tmp_path: Path):
    file = tmp_path / "escape.tsv"
    file.write_text("".join(f"\x1b[2J{number}\tb{number}\n" for number in range(60)), encoding="utf-8")
    assert "\x1b" not in gyebo("data", file).out


# verify


@pytest.mark.parametrize(("outcome", "code"), [("passed", 0), ("skipped", 0), ("failed", 1)])
def test_verify_fails_where_something_failed(
    outcome: str, code: int, gyebo: Gyebo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    records = [Record("gru", "count", "paper", "passed", "fine"), Record("gru", "contract", "shapes", outcome, "a detail")]  # type: ignore[arg-type]

    def verify(names: tuple[str, ...] | None, listener: object) -> list[Record]:
        assert names == ("gru",)
        return records

    monkeypatch.setattr("gyebo.verification.verify", verify)
    monkeypatch.setattr("gyebo.verification.fidelity_page", lambda records: f"{len(records)} checks\n")
    said = gyebo("verify", "gru", "--output", tmp_path / "page.md")
    assert said.code == code
    assert "a detail" in said.out
    assert f"1 {outcome}" in said.out or outcome == "passed"
    assert (tmp_path / "page.md").read_text() == "2 checks\n"
    assert [row["outcome"] for row in json.loads(gyebo("verify", "gru", "--json").out)] == ["passed", outcome]


def test_verify_refuses_an_unknown_architecture(gyebo: Gyebo):
    said = gyebo("verify", "gruu")
    assert said.code == 2
    assert "Did you mean 'gru'?" in said.told
