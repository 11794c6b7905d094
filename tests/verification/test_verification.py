"""What `gyebo verify` computes and writes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gyebo.errors import UsageError
from gyebo.genealogy import Size, architecture, architecture_names, facts
from gyebo.verification import Record, fidelity_page, report, verify
from gyebo.verification.counts import count_sizes
from gyebo.verification.parity import parity_cases
from gyebo.verification.subject import subject_of
from gyebo.verification.tokens import LanguageModelSubject, TranslatorSubject


@pytest.mark.parametrize("name", architecture_names())
def test_counts_equal_the_published_ones(name):
    records = count_sizes(architecture(name))
    assert [record.name for record in records] == list(architecture(name).sizes)
    assert [record.detail for record in records if record.outcome != "passed"] == []


def test_count_that_differs_by_one_is_a_failure():
    entry = architecture("lstm")
    (name, size), *_ = entry.sizes.items()
    wrong = Size(config=size.config, weights=size.weights, parameters=size.parameters + 1, source="Table 1")
    (record,) = count_sizes(replace(entry, sizes={name: wrong}))
    assert record.outcome == "failed"
    assert f"{size.parameters:,} parameters, but" in record.detail
    assert f"{size.parameters + 1:,} are published: Table 1" in record.detail
    assert record.numbers["parameters"] == size.parameters


@pytest.fixture
def quick(monkeypatch):
    """Two properties are enough to see what `verify` does with them."""
    few = ("config_round_trips_through_json", "shapes_follow_the_inputs")
    monkeypatch.setattr(report, "properties_of", lambda entry: few)


@pytest.mark.usefixtures("quick")
def test_verify_tells_every_record_as_it_comes():
    heard = []
    records = verify(["seq2seq"], heard.append)
    assert heard == records
    assert [record.kind for record in records] == ["count", "parity", "parity", "contract", "contract"]
    assert {record.outcome for record in records} == {"passed"}


@pytest.mark.usefixtures("quick")
def test_verify_takes_the_whole_catalogue_by_default(monkeypatch):
    monkeypatch.setattr(report, "architecture_names", lambda: ("rnn", "lstm"))
    assert list(dict.fromkeys(record.architecture for record in verify())) == ["rnn", "lstm"]


@pytest.mark.usefixtures("quick")
def test_architecture_without_a_reference_fails(monkeypatch):
    monkeypatch.setattr(report, "parity_cases", lambda: [case for case in parity_cases() if case.architecture != "gru"])
    (record,) = [record for record in verify(["gru"]) if record.kind == "parity"]
    assert record.outcome == "failed"
    assert "no case" in record.detail


def test_unknown_name_is_refused_before_anything_runs():
    heard = []
    with pytest.raises(UsageError, match="Did you mean 'lstm'"):
        verify(["gru", "lstn"], heard.append)
    assert heard == []


RECORDS = [
    Record("lstm", "count", "large", "passed", "Table 1", {"weights": 66_000_000, "parameters": 66_034_000}),
    Record("vgg", "count", "E", "passed", "Table 2", {"weights": 5_000, "parameters": 6_000, "multiply_adds": 70_000}),
    Record(
        "lstm",
        "parity",
        "torch.nn.LSTM",
        "passed",
        "",
        {"outputs float32": 6e-8, "gradients float32": 3e-8, "outputs float64": 2.2e-16, "gradients float64": 1.1e-16},
    ),
    Record("lstm", "contract", "future_is_not_seen", "passed", ""),
    Record("gru", "contract", "future_is_not_seen", "failed", "a logit differs | by 1\nbit for bit"),
    Record("lstm", "contract", "onnx_equals_eager_at_other_sizes", "skipped", "needs onnxruntime"),
]


def test_page_holds_every_table():
    page = fidelity_page(RECORDS)
    assert "| lstm | large | 66,000,000 | 66,034,000 |  | Table 1 | ✓ |" in page
    assert "| vgg | E | 5,000 | 6,000 | 70,000 | Table 2 | ✓ |" in page
    assert "| lstm | torch.nn.LSTM | 6.0e-08 | 3.0e-08 | 2.2e-16 | 1.1e-16 | ✓ |" in page
    assert "| property | lstm | gru |" in page
    assert "| Other tokens after a position change no logit up to it, bit for bit. | ✓ | ✗ |" in page
    assert "- – **lstm**, onnx equals eager at other sizes: needs onnxruntime" in page
    assert "- ✗ **gru**, future is not seen: a logit differs \\| by 1 bit for bit" in page
    assert "`gyebo verify --output docs/fidelity.md`" in page
    assert "Of 6 checks: 4 passed, 1 failed, 1 skipped." in page
    assert "torch 2." in page


def test_page_has_a_table_of_the_contract_for_each_kind_of_model():
    records = [
        Record("lstm", "contract", "future_is_not_seen", "passed", ""),
        Record("mlp", "contract", "rows_are_independent", "passed", ""),
        Record("lstm", "contract", "rows_are_independent", "passed", ""),
        Record("mlp", "contract", "images_that_are_too_small_are_refused", "failed", "it is not"),
    ]
    _, tokens, images = fidelity_page(records).split("## The contract: models of ")
    assert "| property | lstm |\n" in tokens
    assert tokens.count("| ✓ |") == 2
    assert "| property | mlp |\n" in images
    assert (images.count("| ✓ |"), images.count("| ✗ |")) == (1, 1)
    assert "- ✗ **mlp**, images that are too small are refused: it is not" in images


def test_tables_are_rectangular():
    lines = [line for line in fidelity_page(RECORDS).splitlines() if line.startswith("|")]
    table_widths = {line.replace("\\|", "").count("|") for line in lines}
    assert table_widths <= {4, 7, 8}


def test_page_of_counts_alone_has_no_empty_table():
    page = fidelity_page(RECORDS[:1])
    assert "The contract" not in page
    assert page.endswith("|\n")


def test_page_says_which_package_is_not_there(monkeypatch):
    monkeypatch.setattr(report, "PACKAGES", ("torch", "a-package-that-nobody-has"))
    assert "a-package-that-nobody-has" not in fidelity_page(RECORDS)


def test_record_reads_as_a_line():
    assert str(RECORDS[4]).startswith("gru: contract, future is not seen: failed (a logit")


class TestSubject:
    """The inputs that the properties rest on: a property cannot fail on inputs that do not try it."""

    @pytest.mark.parametrize("name", [name for name in architecture_names() if facts(name).task in ("translate", "language")])
    def test_inputs_have_padding_and_lengths_that_differ(self, name):
        for tokens in subject_of(architecture(name)).inputs([5, 1, 7, 3]):
            assert len(set(tokens.lengths.tolist())) == 4
            assert int(tokens.lengths.max()) == tokens.numbers.shape[1]
            assert not tokens.numbers[~tokens.real].any()

    def test_translator_rows_are_begun_and_ended(self):
        source, target = TranslatorSubject(architecture("bahdanau")).inputs([5, 3])
        assert source.lengths.tolist() == [5, 7]
        assert [source.numbers[row, length - 1].item() for row, length in enumerate(source.lengths)] == [3, 3]
        assert target.numbers[:, 0].tolist() == [2, 2]
        assert target.following()[0, -1] == 3
        assert target.following()[1, 2] == 3

    def test_replaced_tokens_are_other_words(self):
        (tokens,) = LanguageModelSubject(architecture("lstm")).inputs([5, 3])
        others = tokens.replaced(~tokens.real)
        assert (others.numbers[~tokens.real] != tokens.numbers[~tokens.real]).all()
        assert (others.numbers[~tokens.real] >= 4).all()
        assert others.numbers.max() < tokens.vocabulary
        assert (others.numbers[tokens.real] == tokens.numbers[tokens.real]).all()

    def test_task_without_an_adapter_is_told(self):
        with pytest.raises(AssertionError, match="has no adapter"):
            subject_of(replace(architecture("lstm"), task="juggle"))
