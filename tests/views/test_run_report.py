"""report.html: what stands in a run folder, on one page."""

import json

import pytest
from tiny_runs import SOURCES, TARGETS, language_results_of, results_of, tiny_language_run, tiny_run

from gyebo.errors import GyeboError
from gyebo.storage import write_json, write_text
from gyebo.views.run_report import run_report


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return tiny_run(tmp_path_factory.mktemp("runs") / "animals")


@pytest.fixture(scope="module")
def page(run):
    return run_report(run.folder, results_of(run))


def figures(page: str) -> int:
    return page.count('type="application/json"')


def test_the_page_tells_what_was_trained_and_what_it_reaches(page):
    assert "<h1>animals — bahdanau</h1>" in page
    for fact in ("Cats and dogs.", "https://arxiv.org/abs/1409.0473", "7,654", "1,234,567", "a processor", "0.5 GiB", "1.5"):
        assert fact in page, fact
    assert "Training ended because 2 steps are done." in page
    assert "31.42" in page
    assert "25.00 %" in page
    assert "nrefs:1|tok:13a" in page
    assert "Appendix A.1.2" not in page


def test_the_metric_that_chose_the_weights_comes_first(page):
    table = page[page.index("<h2 id") :]
    assert table.index("exact match</td>") < table.index("BLEU</td>") < table.index("loss</td>")


def test_the_examples_stand_beside_their_references(page):
    for source, target in zip(SOURCES, TARGETS, strict=True):
        assert f'lang="en">{source}</td>' in page
        assert f'lang="fr">{target}</td>' in page
    assert page.count('aria-label="right"') == 1
    assert page.count('aria-label="wrong"') == 3


def test_another_wording_is_not_called_wrong_where_exactness_is_not_the_measure(tmp_path):
    run = tiny_run(tmp_path / "run", metric="bleu")
    page = run_report(run.folder, results_of(run))
    assert page.count('aria-label="right"') == 1
    assert 'aria-label="wrong"' not in page


def test_lengths_alignments_and_curves_are_drawn(page):
    assert figures(page) == 3
    assert "What it looked at" in page
    assert page.count("Test: BLEU by source length</h2>") == 1
    assert '<td class="number">40.00</td>' in page
    assert "Training curves" in page


def test_a_language_model_is_described_in_its_own_words(tmp_path):
    run = tiny_language_run(tmp_path / "run")
    page = run_report(run.folder, language_results_of(run))
    assert "Test sentences, continued from their first half</h2>" in page
    for head in ("beginning", "continuation", "how it went on"):
        assert f'<th scope="col">{head}</th>' in page, head
    assert '<td lang="fr">a cat sees</td>' in page, "the language that is modelled is that of the target side"
    assert '<td lang="fr">a dog and sleeps</td>' in page
    assert 'lang="en">a' not in page
    for fact in ("train sentences", "<dt>tokens</dt>", "best step, by loss", "bits per character", "eos:counted"):
        assert fact in page, fact
    for foreign in ("BLEU", "pairs", "target tokens", "What it looked at", "by source length", "prediction"):
        assert foreign not in page[: page.index("<script")], foreign
    assert figures(page) == 1


def test_a_run_without_samples_has_no_table_of_them(run):
    page = run_report(run.folder, results_of(run) | {"samples": []})
    assert "Samples from the test split" not in page


def test_a_model_that_does_not_align_has_no_alignments(tmp_path):
    run = tiny_run(tmp_path / "run", "seq2seq")
    page = run_report(run.folder, results_of(run))
    assert figures(page) == 2
    assert "What it looked at" not in page


def test_one_group_of_lengths_is_no_curve_and_no_group_no_table(run):
    results = results_of(run)
    rows = results["splits"]["test"]["tables"]["bleu_by_source_length"]
    one = json.loads(json.dumps(results))
    one["splits"]["test"]["tables"]["bleu_by_source_length"] = rows[:1]
    assert figures(run_report(run.folder, one)) == 2
    one["splits"]["test"]["tables"]["bleu_by_source_length"] = []
    assert "by source length" not in run_report(run.folder, one)


def test_sentences_too_long_to_read_are_left_out_of_the_alignments(run):
    results = results_of(run)
    for sample in results["samples"]:
        sample |= {"input_tokens": ["a"] * 61, "output_tokens": ["b"], "alignment": [[1 / 61] * 61]}
    assert "What it looked at" not in run_report(run.folder, results)


def test_a_run_without_records_has_no_curves(tmp_path):
    run = tiny_run(tmp_path / "run")
    write_text(run.folder.path / "metrics.jsonl", "")
    assert "Training curves" not in run_report(run.folder, results_of(run))


def test_the_page_is_the_same_from_results_read_back(run, page):
    write_json(run.folder.results, results_of(run))
    assert run_report(run.folder, run.folder.read(run.folder.results)) == page


def test_the_settings_stand_on_the_page_by_their_path(page):
    assert "optimizer.betas" in page
    assert "0.9, 0.999" in page


def test_nothing_in_the_texts_becomes_markup(run):
    results = results_of(run)
    results["samples"][0] |= {"input": "<script>alert(1)</script>", "input_tokens": ["</script>"] * 4}
    page = run_report(run.folder, results)
    assert "<script>alert(1)" not in page


@pytest.mark.parametrize("content", ["steps = ", "steps = 3\n"], ids=["broken", "not a whole recipe"])
def test_a_damaged_recipe_is_named(tmp_path, content):
    run = tiny_run(tmp_path / "run")
    results = results_of(run)
    write_text(run.folder.recipe, content)
    with pytest.raises(GyeboError, match=r"recipe.toml .*Restore"):
        run_report(run.folder, results)
