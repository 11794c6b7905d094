"""The two graphs of a translator: their names and open axes, and the cache that they carry as tensors."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path

import pytest
import torch
from small_exports import tiny_graphs, tiny_model

import gyebo
from gyebo.genealogy import architecture_names, facts
from gyebo.interop.onnx_facts import graph_facts
from gyebo.interop.onnx_graphs import MissingExporterError, PastKeysValues, require_packages, state_of, tensors_of
from gyebo.interop.onnx_translator import open_session
from gyebo.layers.cache import KeyValueCache

TRANSLATORS = [name for name in architecture_names() if facts(name).task == "translate"]


def shapes(graph: bytes) -> tuple[dict[str, str], dict[str, str]]:
    told = graph_facts(open_session(graph))
    return tuple({item.name: " ".join(item.shape) for item in items} for items in (told.inputs, told.outputs))  # type: ignore[return-value]


def test_graphs_of_a_transformer_have_open_axes_by_name():
    inputs, outputs = shapes(tiny_graphs("transformer").encoder)
    assert inputs == {"source": "sentences source", "source_lengths": "sentences"}
    assert outputs["memory.keys.1"] == "sentences 3 source 4"
    assert outputs["state.cache.values.0"] == "sentences 1 3 0 4", "before the first token nothing is remembered"
    inputs, outputs = shapes(tiny_graphs("transformer").step)
    assert inputs["tokens"] == "sentences beam"
    assert inputs["state.cache.keys.0"] == "sentences beam 3 past 4"
    assert inputs["memory.real"] == "sentences source"
    assert outputs["logits"] == "sentences beam 13"
    assert outputs["next.cache.keys.0"] == "sentences beam 3 past + 1 4"
    assert outputs["next.alignment"] == "sentences beam source"


def test_a_step_takes_what_it_reads_and_gives_all_of_the_state():
    inputs, outputs = shapes(tiny_graphs("bahdanau").step)
    assert [*inputs] == ["tokens", "state.hidden", "memory.values", "memory.keys", "memory.real"]
    assert [*outputs] == ["logits", "next.hidden", "next.alignment"]


def test_a_graph_says_nothing_of_the_machine_that_wrote_it():
    places = {str(Path(gyebo.__file__).parent), str(Path(torch.__file__).parent), str(Path.home()), sys.prefix}
    for graph in (tiny_graphs("bahdanau").encoder, tiny_graphs("bahdanau").step):
        assert [place for place in places if place.encode() in graph and place != "/"] == []
        assert getpass.getuser() == "root" or getpass.getuser().encode() not in graph


@pytest.mark.parametrize("name", TRANSLATORS)
@torch.inference_mode()
def test_a_step_from_plain_tensors_is_a_step_from_the_state_they_came_from(name: str):
    model = tiny_model(name)
    source, lengths = torch.randint(4, 11, (2, 5)), torch.tensor([5, 3])
    memory = model.encode(source, lengths)  # type: ignore[operator]
    state = model.start(memory)  # type: ignore[operator]
    for tokens in torch.randint(4, 13, (4, 2)):
        plain = state_of(tensors_of(state), state) if not holds_an_empty_cache(state) else None
        logits, following = model.step(tokens, state, memory)  # type: ignore[operator]
        if plain is not None:
            own, after = model.step(tokens, plain, memory)  # type: ignore[operator]
            torch.testing.assert_close(own, logits)
            torch.testing.assert_close(tensors_of(after), tensors_of(following))
        state = following


def holds_an_empty_cache(state: dict) -> bool:
    return any(isinstance(part, KeyValueCache) and not part.length for part in state.values())


def test_a_cache_of_tensors_leaves_those_it_was_made_of_alone():
    cache = PastKeysValues([torch.zeros(2, 3, 5, 4)], [torch.zeros(2, 3, 5, 4)])
    following = cache.next()
    keys, values = following.extend(0, torch.ones(2, 3, 1, 4), torch.ones(2, 3, 1, 4))
    assert keys.shape == values.shape == (2, 3, 6, 4)
    assert (following.length, following.mask) == (6, None)
    assert cache.keys[0].shape == (2, 3, 5, 4)
    assert keys[:, :, -1].all()
    assert not keys[:, :, :-1].any()


@pytest.mark.parametrize("package", ["onnx", "onnxscript", "onnxruntime"])
def test_a_missing_package_names_the_extra(package: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExporterError, match=rf"needs {package}, of the extra `export`: pip install 'gyebo\[export\]'"):
        require_packages()
