"""The catalogue: what stands on disk, what is read from the source text, and what is imported."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
from torch import nn

import gyebo
from gyebo import genealogy
from gyebo.errors import UsageError
from gyebo.genealogy import Facts, architecture, architecture_names, facts, parameter_counts

MODELS = Path(gyebo.__file__).parent / "models"


def test_files_on_disk_are_the_catalogue():
    files = [path for path in MODELS.rglob("*.py") if path.name not in ("__init__.py", "interfaces.py")]
    assert sorted(path.stem.replace("_", "-") for path in files) == sorted(architecture_names())
    assert len(set(architecture_names())) == len(files), "two families have a file of the same name"


@pytest.mark.parametrize("name", architecture_names())
def test_entry_is_named_after_its_file(name):
    entry = architecture(name)
    assert entry.name == name
    assert Path(sys.modules[entry.config.__module__].__file__).stem.replace("_", "-") == name


@pytest.mark.parametrize("name", architecture_names())
def test_facts_read_from_the_source_equal_the_imported_entry(name):
    read, imported = facts(name), architecture(name)
    for field in fields(Facts):
        if field.name != "family":  # follows from the folder
            assert getattr(read, field.name) == getattr(imported, field.name), field.name
    assert read.family == imported.config.__module__.split(".")[-2]


@pytest.mark.parametrize("name", architecture_names())
def test_entry_says_what_an_entry_must(name):
    entry = facts(name)
    assert entry.title
    assert entry.paper
    assert 1943 <= entry.year <= 2030
    assert entry.link.startswith("https://")
    assert entry.differences, "no paper was ever rebuilt without a difference"
    assert entry.sizes
    assert all(size.source for size in entry.sizes.values())


@pytest.mark.parametrize("name", architecture_names())
def test_tiny_sizes_all_differ(name):
    """So that swapped dimensions cannot pass."""
    values = [value for key, value in architecture(name).tiny.items() if "width" in key or "vocabulary" in key]
    sizes = [size for value in values for size in (value if isinstance(value, list) else [value])]
    assert len(set(sizes)) == len(sizes)


def test_parents_exist_and_are_not_younger():
    names = set(architecture_names())
    for name in names:
        for parent, fixed in facts(name).parents.items():
            assert parent in names, f"{name} descends from {parent}, which is not in the catalogue"
            assert fixed, f"{name} does not say what it fixes about {parent}"
            assert facts(parent).year <= facts(name).year


def test_a_variant_is_of_an_architecture_and_has_no_parents():
    """It stands beside its original, which has the place in the tree; nothing descends from it."""
    names = set(architecture_names())
    variants = {name: facts(name).variant_of for name in names if facts(name).variant_of}
    assert variants, "the Transformer has variants"
    for name, original in variants.items():
        assert original in names, f"{name} is a variant of {original}, which is not in the catalogue"
        assert not facts(original).variant_of, f"{name} is a variant of a variant"
        assert not facts(name).parents, f"{name} is a variant, and names parents"
        assert facts(original).task == facts(name).task
        assert facts(original).year <= facts(name).year
    assert not variants.keys() & {parent for name in names for parent in facts(name).parents}


def test_a_variant_comes_after_its_original():
    names = architecture_names()
    for name in names:
        if original := facts(name).variant_of:
            assert names.index(original) < names.index(name)


def test_names_stand_oldest_first():
    years = [facts(name).year for name in architecture_names()]
    assert years == sorted(years)


def test_genealogy_imports_no_torch():
    program = (
        "import sys; from gyebo.genealogy import architecture_names, facts; "
        "[facts(name) for name in architecture_names()]; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.parametrize("ask", [facts, architecture])
def test_unknown_name_is_refused_with_the_nearest(ask):
    with pytest.raises(UsageError, match=r"There is no architecture 'bahdanua'. Did you mean 'bahdanau'\?"):
        ask("bahdanua")


def test_file_without_an_entry_is_told(tmp_path, monkeypatch):
    (tmp_path / "family").mkdir()
    (tmp_path / "family" / "empty.py").write_text("x = 1\n")
    monkeypatch.setattr(genealogy, "MODELS", tmp_path)
    with pytest.raises(AssertionError, match=r"empty\.py has no ARCHITECTURE"):
        facts("empty")


def test_new_file_is_found(tmp_path, monkeypatch):
    (tmp_path / "family").mkdir()
    (tmp_path / "family" / "new_one.py").write_text(
        "ARCHITECTURE = Architecture(name='new-one', title='t', year=2001, paper='p', link='https://x', task='translate',"
        " parents={}, differences=(), sizes={'s': Size(config={}, weights=1, parameters=2, source='there')}, config=C)\n"
    )
    monkeypatch.setattr(genealogy, "MODELS", tmp_path)
    assert architecture_names() == ("new-one",)
    assert facts("new-one").family == "family"
    assert facts("new-one").sizes["s"].parameters == 2


def test_counts_tell_matrices_from_vectors_and_tied_weights_count_once():
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    assert parameter_counts(model) == (18, 24)
    model[1].weight = model[0].weight
    assert parameter_counts(model) == (9, 15)
    model[1].bias.requires_grad_(False)
    assert parameter_counts(model) == (9, 12)
