"""Run folders: read back bit-equal, and refused with a paragraph when anything in them is wrong."""

from __future__ import annotations

import contextlib
import json
import random
import shutil
from pathlib import Path

import pytest
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gyebo.data.parallel import Pairs
from gyebo.data.vocabulary import Vocabulary, VocabularyConfig
from gyebo.decoding import DecodingConfig
from gyebo.errors import GyeboError, UsageError
from gyebo.genealogy import architecture
from gyebo.runs import Run, RunFolder, find_run, load
from gyebo.runs.folder import folder_name
from gyebo.runs.run import build_model, read_weights, save_config, save_weights, saved_step
from gyebo.tasks.translate import Translate, TranslateConfig

PAIRS = Pairs(("le 3 mars", "le 4 mai"), ("2009-03-03", "2009-05-04"))
SIZES = {"embedding_width": 4, "width": 5, "alignment_width": 3, "readout_width": 2}


def make(path: Path, seed: int = 0) -> RunFolder:
    unit = VocabularyConfig(unit="character", min_count=1)
    config = TranslateConfig(source=unit, target=unit, decoding=DecodingConfig(beam=2))
    task = Translate(config, *(Vocabulary.train(texts, unit) for texts in (PAIRS.source, PAIRS.target)))
    folder = RunFolder(path)
    task.save(path)
    entry = architecture("bahdanau")
    model_config = entry.config(**SIZES, **task.model_fields())
    save_config(folder, task, "translate", "bahdanau", model_config, {"fingerprint": "x"})
    torch.manual_seed(seed)
    save_weights(entry.model(model_config), folder, "bahdanau", 7)
    return folder


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> RunFolder:
    return make(tmp_path_factory.mktemp("runs") / "dates")


@pytest.fixture
def folder(whole, tmp_path) -> RunFolder:
    shutil.copytree(whole.path, tmp_path / "dates")
    return RunFolder(tmp_path / "dates")


def change_config(folder: RunFolder, **change: object) -> None:
    folder.config.write_text(json.dumps(folder.read(folder.config) | change))


def refused(folder: RunFolder, message: str) -> str:
    with pytest.raises(GyeboError, match=message) as caught:
        Run(folder).predict(["le 3 mai"])
    return str(caught.value)


def test_read_back(whole):
    run = load(whole.path)
    assert (run.name, run.task_name, run.architecture_name) == ("dates", "translate", "bahdanau")
    assert run.data_facts == {"fingerprint": "x"}
    assert not run.model.training
    stored = safetensors.torch.load_file(whole.model)
    assert all(torch.equal(tensor, stored[name]) for name, tensor in run.model.state_dict().items())
    assert run.predict([]) == []
    assert [item.input for item in run.predict(["le 3 mai", "le 4 mars"])] == ["le 3 mai", "le 4 mars"]


def test_one_string_is_no_list(whole):
    with pytest.raises(UsageError, match=r"predict takes a list of inputs, and 'le 3 mai' is one string"):
        load(whole.path).predict("le 3 mai")


def test_saving_again_replaces_in_one_step(folder):
    model = Run(folder).model
    with torch.no_grad():
        model.output.bias.fill_(3.0)
    save_weights(model, folder, "bahdanau", 8)
    assert Run(folder).model.output.bias.eq(3.0).all()


def test_the_same_weights_are_the_same_bytes(folder):
    model, written = Run(folder).model, set()
    for _ in range(8):  # the library shuffles its metadata anew each time
        save_weights(model, folder, "bahdanau", 8)
        written.add(folder.model.read_bytes())
    assert len(written) == 1


# ---------------------------------------------------------------- damaged weights


def test_any_flipped_bit_of_the_weights_is_refused(folder):
    data = folder.model.read_bytes()
    expected = read_weights(folder, "bahdanau")
    header = int.from_bytes(data[:8], "little") + 8
    draw = random.Random(1)
    places = [draw.randrange(header) for _ in range(150)] + [draw.randrange(header, len(data)) for _ in range(50)]
    for place in places:
        spoilt = bytearray(data)
        spoilt[place] ^= 1 << draw.randrange(8)
        folder.model.write_bytes(spoilt)
        try:
            found = read_weights(folder, "bahdanau")
        except GyeboError as error:
            message = str(error)
        else:  # white space that fills the header up says nothing
            assert data[place : place + 1].isspace(), place
            assert all(torch.equal(found[name], expected[name]) for name in expected)
            continue
        assert str(folder.model) in message


@pytest.mark.parametrize("size", [0, 7, 8, 100, -1])
def test_truncated_weights(folder, size):
    folder.model.write_bytes(folder.model.read_bytes()[:size])
    assert "Restore the file, or train the run again." in refused(folder, "is not a whole safetensors file")


def test_weights_of_another_kind(folder):
    save_weights(Run(folder).model, folder, "seq2seq", 7)
    refused(folder, "holds weights of the architecture 'seq2seq', but .* is of 'bahdanau'")
    safetensors.torch.save_file({"a": torch.zeros(())}, folder.model)
    refused(folder, "holds weights of the architecture None")
    safetensors.torch.save_file({"a": torch.zeros((), dtype=torch.bfloat16)}, folder.model, {"architecture": "bahdanau"})
    refused(folder, "does not have the sha256")


def test_no_weights_yet(folder):
    folder.model.unlink()
    refused(folder, "has not reached its first evaluation. Train it further with `gyebo train dates`")


def test_weights_of_another_size(folder):
    change_config(folder, model=folder.read(folder.config)["model"] | {"width": 6})
    refused(folder, "belongs to another size")


# ---------------------------------------------------------------- damaged config


@pytest.mark.parametrize("field", ["width", "embedding_width", "readout_width", "alignment_width"])
@pytest.mark.parametrize("value", [0, -1, 10**6, 10**9, 2**40, 10**30])
def test_absurd_sizes_are_refused_before_memory_is_taken(folder, monkeypatch, field, value):
    made = []
    monkeypatch.setattr(torch.Tensor, "uniform_", lambda tensor, *bounds: made.append(tensor.device.type) or tensor)
    monkeypatch.setattr(torch.Tensor, "normal_", lambda tensor, *bounds: made.append(tensor.device.type) or tensor)
    change_config(folder, model=folder.read(folder.config)["model"] | {field: value})
    with pytest.raises(GyeboError):
        Run(folder).model  # noqa: B018
    assert set(made) <= {"meta"}


def test_endless_layers_are_refused():
    entry = architecture("seq2seq")
    config = entry.config(source_vocabulary=5, target_vocabulary=5, embedding_width=1, width=1, num_layers=10**9)
    with pytest.raises(GyeboError, match=r"needs more than .* tensors for its weights alone, and this machine has"):
        build_model("seq2seq", config, "config.json")


def test_impossible_sizes_name_the_place():
    entry = architecture("bahdanau")
    config = entry.config(source_vocabulary=5, target_vocabulary=5, dropout=2.0)
    with pytest.raises(
        GyeboError, match=r"No bahdanau can be built from the recipe 'x': dropout=2.0 is not a probability.* Choose other sizes"
    ):
        build_model("bahdanau", config, "the recipe 'x'")
    with pytest.raises(UsageError, match="No bahdanau can be built"):
        build_model("bahdanau", config, "the recipe 'x'", UsageError)


def test_files_of_two_runs_mixed(folder):
    longer = Vocabulary.train(
        ["a b c d e f g h i j k l m n o p q r s t u v w x y z 1 2 3"], VocabularyConfig(unit="character", min_count=1)
    )
    (folder.path / "tokenizer-source.json").write_text(longer.to_json(), encoding="utf-8")
    refused(
        folder, "'source_vocabulary' is .*, but the files of the run's translate task make it .* Files of two runs seem to be mixed"
    )


@pytest.mark.parametrize("key", ["task", "architecture"])
@pytest.mark.parametrize("value", ["os.system", None, 3, [], {}])
def test_names_outside_the_catalogue(folder, key, value):
    change_config(folder, **{key: value})
    refused(folder, f"names the {key} .*, which this version of gyebo .* does not have. Known are: ")


@pytest.mark.parametrize("name", ["tokenizer-source.json", "tokenizer-target.json"])
def test_tokenizers(folder, name):
    path = folder.path / name
    path.write_bytes(b"\xff")
    refused(folder, f"{name} is not UTF-8 text")
    path.write_text("{}")
    refused(folder, f"{name} is not a tokenizer file")
    path.unlink()
    refused(folder, f"{name} is missing: the run folder is not complete")


def test_a_tokenizer_of_absurd_size(folder, monkeypatch):
    monkeypatch.setattr("gyebo.data.vocabulary.MAX_VOCABULARY_FILE", 100)
    refused(folder, "more than a vocabulary can have")


@pytest.mark.parametrize("text", ["", "[]", "3", "{", "[" * 100_000, '{"a":' * 100_000, "\ufeff{}", "1" * 5000])
def test_config_that_is_no_object(folder, text):
    folder.config.write_text(text, encoding="utf-8")
    refused(folder, r"config.json cannot be read \(.*\). The run folder is damaged or not complete")


def test_config_of_absurd_size(folder, monkeypatch):
    monkeypatch.setattr("gyebo.runs.folder.MAX_JSON_BYTES", 10)
    refused(folder, "bytes are more than such a file can have")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(data=st.data())
@settings(deadline=None, max_examples=80)
def test_only_gyebo_errors_come_from_a_damaged_config(whole, tmp_path_factory, data):
    folder = RunFolder(tmp_path_factory.mktemp("fuzz") / "run")
    shutil.copytree(whole.path, folder.path)
    value = folder.read(folder.config)
    if data.draw(st.booleans()):
        text = bytearray(folder.config.read_bytes())
        for _ in range(data.draw(st.integers(1, 4))):
            text[data.draw(st.integers(0, len(text) - 1))] = data.draw(st.integers(0, 255))
        folder.config.write_bytes(text)
    else:
        table = data.draw(st.sampled_from([value, value["model"], value["translate"], value["translate"]["decoding"]]))
        table[data.draw(st.sampled_from(sorted(table)))] = data.draw(JSON)
        folder.config.write_text(json.dumps(value))
    with contextlib.suppress(GyeboError):
        Run(folder).model  # noqa: B018


# ---------------------------------------------------------------- folders


def test_find_run(whole, tmp_path):
    assert find_run(str(whole.path)) == whole
    assert find_run("dates", whole.path.parent) == whole
    with pytest.raises(UsageError, match=r"There is no run 'date'\. Did you mean 'dates'\?"):
        find_run("date", whole.path.parent)
    with pytest.raises(UsageError, match="holds no run; train one with `gyebo train dates`"):
        find_run("dates", tmp_path)


def test_lock(tmp_path):
    folder = RunFolder(tmp_path / "a" / "b")
    with folder.lock():
        (folder.path / ".model.safetensors.1.tmp").touch()
        with pytest.raises(GyeboError, match=r"is in use: process \d+ trains in it\. Wait for it or stop it"), folder.lock():
            raise AssertionError("two trainings in one folder")
        assert (folder.path / ".model.safetensors.1.tmp").exists(), "who may not train removes nothing"
    with folder.lock():
        assert [path.name for path in folder.path.iterdir()] == [".lock"]


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "/tmp/x", "a\nb"])
def test_a_name_that_is_not_of_one_folder_is_refused(name):
    with pytest.raises(UsageError, match="but the name of one folder was expected"):
        folder_name(name)


def test_names_are_composed():
    assert folder_name("e\u0301") == "\u00e9"


def test_a_folder_that_is_no_run_is_not_trained_in(tmp_path):
    for name in (".lock", "recipe.toml", "environment.json", "tokenizer-source.json", "metrics.jsonl", ".config.json.7.tmp"):
        (tmp_path / name).touch()
    for name in ("training", "tensorboard"):
        (tmp_path / name).mkdir()
    RunFolder(tmp_path).refuse_foreign_files()  # what a beginning that was killed leaves
    RunFolder(tmp_path / "new").refuse_foreign_files()
    (tmp_path / "README.md").touch()
    with pytest.raises(UsageError, match=r"is not a run, and training in it could overwrite what it holds, such as 'README.md'"):
        RunFolder(tmp_path).refuse_foreign_files()
    (tmp_path / "config.json").touch()
    RunFolder(tmp_path).refuse_foreign_files()


def test_the_step_of_the_saved_weights(folder):
    assert saved_step(folder) == 7
    folder.model.write_bytes(b"nonsense")
    assert saved_step(folder) is None
    folder.model.unlink()
    assert saved_step(folder) is None
