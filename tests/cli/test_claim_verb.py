"""`gyebo claim`: the question before the answer, predictions, every error in one paragraph."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from gyebo_command import Gyebo

from gyebo.claims import verdicts
from gyebo.cli.candidates import candidates


@pytest.fixture(autouse=True)
def elsewhere(fake_claims, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, in which nothing is known yet."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(verdicts, "PUBLISHED", tmp_path / "src" / "gyebo" / "claims" / "verdicts.json")
    return tmp_path


def test_statement_runs_nothing(gyebo: Gyebo, fake_claims, elsewhere: Path):
    said = gyebo("claim", "fake-claim", "--state")
    assert said.code == 0
    for text in (
        "claim fake-claim: The fake child gains.",
        "Nobody 1999, section 1",
        "Does it gain?",
        "3 seeds, at most 1 minute",
        "The rule, fixed before anything is run",
        "what is gained, in units",
        "does not hold  It gains nothing.",
        "undecided      Nobody knows.",
    ):
        assert text in said.out
    assert fake_claims.measured == []
    assert not (elsewhere / "claims").exists()


@pytest.mark.parametrize(("seeds", "budget"), [((), "3 seeds"), ((7,), "1 seed"), ((5, 6, 7, 8), "4 seeds")], ids=str)
def test_the_budget_is_that_of_the_seeds_that_are_run(gyebo: Gyebo, seeds: tuple[int, ...], budget: str):
    given = ["--seeds", *map(str, seeds)] if seeds else []
    assert f"  {budget}, at most 2 minutes" in gyebo("claim", "fake-claim", "--minutes", "2", *given).out


def test_statement_as_json(gyebo: Gyebo):
    facts = json.loads(gyebo("claim", "fake-claim", "--state", "--json").out)
    assert (facts["name"], facts["seeds"], facts["effects"][0]["at_least"]) == ("fake-claim", [1, 2, 3], 0.5)


def test_a_claim_from_question_to_verdict(gyebo: Gyebo, elsewhere: Path):
    said = gyebo("claim", "fake-claim", "--predict", "does-not-hold")
    assert said.code == 0
    assert said.out.index("What could come out") < said.out.index("verdict: holds. It gains.")
    assert "gain 1.2 0.9516 to 1.448 0.5 holds" in " ".join(said.out.split())
    assert "You predicted 'does not hold': it came out 'holds'." in said.out
    assert "claims/fake-claim/figure.svg" in said.out
    assert "fake-claim, seed 2 (2 of 3): gain 1.2, saving 0.25, in 0 s" in said.err
    assert (elsewhere / "claims" / "fake-claim" / "figure.png").exists()


def test_a_right_prediction(gyebo: Gyebo):
    assert "You predicted 'holds': right." in gyebo("claim", "fake-claim", "--predict", "h").out


def test_result_as_json(gyebo: Gyebo):
    said = gyebo("claim", "fake-claim", "--json", "--output", "mine")
    result = json.loads(said.out)
    assert (result["verdict"], result["prediction"], result["folder"]) == ("holds", None, "mine/fake-claim")
    assert result["effects"][1]["low"] == 0.25


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> tuple[list[str], list[str]]:
    """A reader at a terminal: what was asked, and the answers that are left, after which the input is closed."""
    from gyebo.cli import claim

    questions: list[str] = []
    answers: list[str] = []

    def answer(question: str) -> str:
        questions.append(question)
        if not answers:
            raise EOFError
        return answers.pop(0)

    monkeypatch.setattr("builtins.input", answer)
    monkeypatch.setattr(claim, "_reader_is_there", lambda: True)
    return questions, answers


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        (["h"], "You predicted 'holds': right."),
        (["banana", "U"], "You predicted 'undecided': it came out 'holds'."),
        ([""], ""),
        ([], ""),
    ],
    ids=["right", "mistyped", "none", "closed"],
)
def test_a_reader_at_a_terminal_is_asked(gyebo: Gyebo, asked, answers: list[str], told: str):
    questions, left = asked
    left += answers
    said = gyebo("claim", "fake-claim")
    assert said.code == 0
    assert len(questions) == max(1, len(answers))
    assert told in said.out
    assert ("You predicted" in said.out) == bool(told)
    assert ("'banana' is none of the three." in said.out) == ("banana" in answers)


@pytest.mark.parametrize("words", [["--yes"], ["--predict", "holds"], ["--json"], ["--state"]], ids=" ".join)
def test_nobody_is_asked_who_has_answered(gyebo: Gyebo, asked, words: list[str]):
    assert gyebo("claim", "fake-claim", *words).code == 0
    assert asked[0] == []


def test_list_of_claims(gyebo: Gyebo):
    assert gyebo("claim").out.splitlines()[2].split() == ["fake-claim", "The", "fake", "child", "gains.", "1"]
    gyebo("claim", "fake-claim")
    row = gyebo("claim").out.splitlines()[2].split()
    assert row == ["fake-claim", "The", "fake", "child", "gains.", "holds", "own", "1"]
    assert json.loads(gyebo("claim", "--json").out)[0]["verdict"] == "holds"


def test_outdated_verdicts_say_so(gyebo: Gyebo, fake_claims):
    gyebo("claim", "fake-claim")
    fake_claims.add(note="# changed")
    assert "outdated: run it" in gyebo("claim").out


def test_too_few_seeds(gyebo: Gyebo):
    said = gyebo("claim", "fake-claim", "--seeds", "1", "2", "--predict", "holds")
    assert said.code == 0
    assert "No verdict: 2 seeds measured, and at least three are needed." in said.out
    assert "You predicted" not in said.out


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["banana"], 2, "There is no claim 'banana'."),
        (["fake-clam"], 2, "Did you mean 'fake-claim'?"),
        (["fake-claim", "--predict", "maybe"], 2, "--predict is 'maybe', but a verdict was expected."),
        (["fake-claim", "--all"], 2, "`gyebo claim` was given 'fake-claim' and --all"),
        (["fake-claim", "--page", "x.md"], 2, "--page and --publish are about every claim: give --all too."),
        (["--all", "--publish", "--seeds", "1", "2", "3"], 2, "leave them out"),
        (["--seeds", "1"], 2, "without a name lists the claims and runs none, but --seeds was given: name a claim, give --all, or"),
        (["--predict", "holds"], 2, "lists the claims and runs none, but --predict was given"),
        (["--minutes", "1"], 2, "lists the claims and runs none, but --minutes was given"),
        (["--yes"], 2, "lists the claims and runs none, but --yes was given"),
        (["--state"], 2, "lists the claims and runs none, but --state was given"),
        (["--all", "--predict", "holds"], 2, "--predict is about one claim, but --all tries every claim: give the claim's name"),
        (["--all", "--state", "--publish"], 2, "--state runs nothing, but --publish is about a run: leave out one of the two."),
        (["--all", "--state", "--page", "x.md"], 2, "--state runs nothing, but --page is about a run"),
        (["--all", "--state", "--predict", "holds"], 2, "--state runs nothing, but --predict is about a run"),
        (["fake-claim", "--state", "--seeds", "1"], 2, "--state runs nothing, but --seeds is about a run"),
        (["fake-claim", "--state", "--minutes", "1"], 2, "--state runs nothing, but --minutes is about a run"),
        (["fake-claim", "--state", "--yes"], 2, "--state runs nothing, but --yes is about a run"),
        (["fake-claim", "--seeds", "1", "1", "1"], 2, "--seeds are 1 1 1, but different whole numbers"),
        (["fake-claim", "--minutes", "0"], 2, "--minutes is 0, but a budget above 0 was expected."),
        (["fake-claim", "--minuts", "1"], 2, "Did you mean '--minutes'?"),
        (["fake-claim", "--output", "/proc/nowhere"], 3, "While opening the folder /proc/nowhere/fake-claim"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_errors_are_one_paragraph(gyebo: Gyebo, fake_claims, words: list[str], code: int, message: str):
    said = gyebo("claim", *words)
    assert said.code == code
    assert message in said.told
    assert fake_claims.measured == []


def test_all_claims_are_begun_at_once_anyway(gyebo: Gyebo, asked):
    """--yes asks for no question, and --all asks none: the two agree."""
    assert gyebo("claim", "--all", "--yes").code == 0
    assert asked[0] == []


@pytest.mark.parametrize(("fault", "code"), [("nan", 1), ("interrupt", 130), ("terminate", 143)])
def test_exit_codes_of_what_goes_wrong_in_a_seed(gyebo: Gyebo, fake_claims, fault: str, code: int):
    fake_claims.fault(2, fault)
    said = gyebo("claim", "fake-claim")
    assert said.code == code
    assert "verdict:" not in said.out


def test_over_the_budget(gyebo: Gyebo, fake_claims):
    fake_claims.fault(1, "wait")
    said = gyebo("claim", "fake-claim", "--minutes", "0.001")
    assert said.code == 1
    assert "has used up its budget of 0.001 minutes" in said.told


def test_all_claims_with_their_page(gyebo: Gyebo, fake_claims, elsewhere: Path):
    fake_claims.add("other-claim", at_least=2.0)
    said = gyebo("claim", "--all", "--page", "docs/claims.md")
    assert said.code == 0
    assert "written to docs/claims.md" in said.out
    page = (elsewhere / "docs" / "claims.md").read_text()
    assert "**holds**" in page
    assert "**does not hold**" in page
    again = gyebo("claim", "--all", "--page", "docs/claims.md")
    assert again.err.count("measured before") == 6
    assert (elsewhere / "docs" / "claims.md").read_text() == page


def test_all_claims_go_on_after_one_that_fails(gyebo: Gyebo, fake_claims, elsewhere: Path):
    fake_claims.add("other-claim")
    fake_claims.fault(3, "nan")
    said = gyebo("claim", "--all", "--page", "claims.md")
    assert said.code == 1
    assert said.told.count("is nan for seed 3") == 2
    assert (elsewhere / "claims.md").read_text().count("| not finished |") == 2


def test_all_claims_stop_at_a_signal(gyebo: Gyebo, fake_claims):
    fake_claims.add("other-claim")
    fake_claims.fault(1, "interrupt")
    assert gyebo("claim", "--all").code == 130
    assert fake_claims.measured == [1]


def test_publishing(gyebo: Gyebo, elsewhere: Path):
    said = gyebo("claim", "--all", "--publish")
    assert said.code == 2
    assert "give it in a checkout" in said.told
    (elsewhere / "pyproject.toml").touch()
    (elsewhere / "src" / "gyebo" / "claims").mkdir(parents=True)
    assert gyebo("claim", "--all", "--publish", "--json").code == 0
    assert json.loads(verdicts.PUBLISHED.read_text())["fake-claim"]["verdict"] == "holds"


def test_completion(fake_claims):
    assert candidates(["claim", "fa"]) == ["fake-claim"]
    assert candidates(["claim", "fake-claim", "--predict", ""]) == ["holds", "does-not-hold", "undecided"]
    assert candidates(["claim", "fake-claim", "--pu"]) == ["--publish"]
    assert candidates(["claim", "--state", "fa"]) == ["fake-claim"]


def test_from_python(fake_claims, elsewhere: Path):
    import gyebo

    assert gyebo.claim("fake-claim").verdict == "holds"
    assert gyebo.claim("fake-claim", seeds=[1], minutes=2, claims_dir="mine").verdict is None
    assert (elsewhere / "claims" / "fake-claim" / "result.json").exists()
