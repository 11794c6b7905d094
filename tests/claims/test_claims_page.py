"""The page: readable without figures, honest about what is not finished, and the same for the same results."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from gyebo.claims import catalogue
from gyebo.claims.catalogue import claim_facts, claim_names
from gyebo.claims.engine import run_claim
from gyebo.claims.page import _number, claims_page, rows_over_seeds
from gyebo.claims.verdicts import stored_verdict


def test_page_of_a_claim(fake_claims, tmp_path):
    page = claims_page({"fake-claim": run_claim(catalogue.claim("fake-claim"), tmp_path)}, {})
    assert "| [fake-claim](#fake-claim) | The fake child gains. | **holds** |" in page
    assert "**The fake child gains.** (`rnn` → `lstm`; Nobody 1999, section 1)" in page
    assert "가짜 자식이 더 낫다. 판정: 성립." in page
    assert "| gain | what is gained, in units | 0.5 | less is nothing | 1.2 | 0.9516 to 1.448 | holds |" in page
    assert "| saving | what is saved | 0.25 | it is exact | 0.25 | 0.25 to 0.25 | holds |" in page
    assert "Verdict: **holds**. It gains." in page
    assert "| lstm | 1.2 ± 0.1 |" in page
    assert "![" not in page
    assert "Seeds 1, 2, 3; mean ± standard deviation over them." in page


def test_page_of_what_is_not_finished(fake_claims, tmp_path):
    fake_claims.add("other-claim")
    few = run_claim(catalogue.claim("fake-claim"), tmp_path, seeds=[1])
    page = claims_page({"fake-claim": few}, {"other-claim": "The budget is used up."})
    assert page.count("| not finished |") == 2
    assert "Not finished: fewer than three seeds were measured." in page
    assert "Not finished: The budget is used up." in page
    assert "Verdict:" not in page


def test_conditions_are_averaged_over_the_seeds():
    table = [
        {"seed": seed, "model": model, "length": 10, "solved": model == "lstm", "loss": loss + seed, "curve": [1, 2]}
        for seed in (1, 3)
        for model, loss in (("rnn", 5.0), ("lstm", 0.5))
    ]
    assert rows_over_seeds(table) == [
        {"model": "rnn", "length": "10", "solved": "no", "loss": "7 ± 1.414"},
        {"model": "lstm", "length": "10", "solved": "yes", "loss": "2.5 ± 1.414"},
    ]


def test_what_differs_without_being_a_number_is_listed():
    table = [{"seed": 1, "solved": True, "step": None}, {"seed": 2, "solved": False, "step": 5}]
    assert rows_over_seeds(table) == [{"solved": "yes, no", "step": "–, 5"}]


def test_seeds_with_other_conditions_are_listed_one_by_one():
    table = [{"seed": 1, "model": "a", "x": 1}, {"seed": 2, "model": "b", "x": 2}]
    assert rows_over_seeds(table) == [{"seed": "1", "model": "a", "x": "1"}, {"seed": "2", "model": "b", "x": "2"}]
    uneven = [{"seed": 1, "x": 1}, {"seed": 1, "x": 2}, {"seed": 2, "x": 3}]
    assert [row["x"] for row in rows_over_seeds(uneven)] == ["1", "2", "3"]


def page_of_rows(fake_claims, tmp_path, rows):
    result = replace(run_claim(catalogue.claim("fake-claim"), tmp_path), table=rows)
    return claims_page({"fake-claim": result}, {})


def test_rows_of_other_columns_are_another_table(fake_claims, tmp_path):
    speeds = [{"seed": seed, "part": "speed", "rate": 10.0 * seed} for seed in (1, 2)]
    lengths = [{"seed": seed, "part": "length", "tokens": 5} for seed in (1, 2)]
    page = page_of_rows(fake_claims, tmp_path, [*speeds, *lengths])
    assert "| part | rate |" in page
    assert "| speed | 15 ± 7.071 |" in page
    assert "| part | tokens |" in page
    assert "| length | 5 |" in page


def test_of_long_curves_the_ends_are_told(fake_claims, tmp_path):
    curves = [
        {"seed": seed, "model": model, "step": step, "loss": step / 2}
        for seed, last in ((1, 30), (2, 50))
        for model in ("rnn", "lstm")
        for step in range(last + 1)
    ]
    page = page_of_rows(fake_claims, tmp_path, curves)
    assert "The ends of curves; all 164 points are in the files seed-N.json of `gyebo claim fake-claim`" in page
    assert "| rnn | 40 ± 14.14 | 20 ± 7.071 |" in page
    assert "| lstm | 40 ± 14.14 | 20 ± 7.071 |" in page


def test_the_page_in_docs_tells_the_shipped_verdicts():
    page = Path(__file__).parents[2].joinpath("docs/claims.md").read_text(encoding="utf-8")
    for name in claim_names():
        facts, known = claim_facts(name), stored_verdict(name, Path("nowhere"))
        assert known is not None, f"{name} has no verdict"
        _, _, section = page.partition(f"\n## {name}\n")
        section, _, _ = section.partition("\n## ")
        assert facts.statement in section
        assert facts.question in section
        assert f"Verdict: **{known.verdict}**. {facts.outcomes[known.verdict]}" in section
        for effect in facts.effects:
            found = known.effects[effect.name]
            interval = f"{_number(found['mean'])} | {_number(found['low'])} to {_number(found['high'])}"
            assert f"| {effect.name} | {effect.meaning} | {_number(effect.at_least)} | {effect.why} | {interval} |" in section


def test_one_seed_and_none():
    assert rows_over_seeds([{"seed": 1, "x": 1234.5}]) == [{"x": "1,234"}]
    assert rows_over_seeds([]) == []


def test_bars_and_lines_stay_inside_their_cells(fake_claims, tmp_path):
    fake_claims.add(note="")
    path = fake_claims.folder / "fake_claim.py"
    path.write_text(path.read_text().replace("what is saved", "a | b\\nc"))
    fake_claims.read_anew()
    page = claims_page({}, {"fake-claim": "it failed."})
    assert "| saving | a \\| b c | 0.25 |" in page
