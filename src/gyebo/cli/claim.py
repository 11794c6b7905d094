"""`gyebo claim NAME`: the question first, so that a reader can predict; then the experiment, the rule and the verdict."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import tyro

from gyebo.claims.catalogue import claim_facts, claim_names
from gyebo.claims.interface import ClaimFacts, Verdict
from gyebo.claims.verdicts import CLAIMS_FOLDER, stored_verdict
from gyebo.cli.failures import paragraph
from gyebo.cli.parsing import Flag, parse, shown
from gyebo.cli.progress import live_lines
from gyebo.cli.tables import print_facts, print_json, print_table
from gyebo.errors import DiskError, GyeboError, UsageError, did_you_mean
from gyebo.storage import write_text

if TYPE_CHECKING:
    from gyebo.claims.engine import ClaimResult

VERDICTS: tuple[Verdict, ...] = get_args(Verdict)


@dataclass(frozen=True, kw_only=True)
class ClaimOptions:
    """Try a claim of the family tree; without a name, list all of them with what is known."""

    name: Annotated[tyro.conf.Positional[str], shown("[NAME]")] = ""
    """the claim, such as rnn-lstm"""
    all: Flag = False
    """every claim, one after the other; what is measured already is not measured again"""
    state: Flag = False
    """say what is asked, how it is judged and what could come out, and run nothing"""
    predict: Annotated[str, shown("VERDICT")] = ""
    """what you think will come out: holds, 'does not hold' or undecided; on a terminal you are asked"""
    yes: Flag = False
    """begin at once: do not ask for a prediction"""
    seeds: Annotated[tuple[int, ...], shown("SEED ...")] = ()
    """other seeds than the claim's own; fewer than three give no verdict"""
    minutes: Annotated[float | None, shown("MINUTES")] = None
    """another budget for this start than the claim's own"""
    output: Annotated[Path, shown("FOLDER")] = CLAIMS_FOLDER
    """the folder of all results; each claim has its own in it (default: claims)"""
    page: Annotated[Path | None, shown("FILE")] = None
    """with --all: also write the page of all claims, such as docs/claims.md"""
    publish: Flag = False
    """with --all, in a checkout: also remake the table of verdicts that gyebo is shipped with"""
    json: Flag = False
    """print JSON"""


def run(words: list[str]) -> int:
    """List, state, or try."""
    options = parse(ClaimOptions, words, "gyebo claim")
    _check(options)
    if options.all:
        return _state_all(claim_names(), options.json) if options.state else _try_all(options)
    if not options.name:
        _print_list(options)
        return 0
    facts = claim_facts(options.name)  # an unknown one is told before anything else
    if options.state:
        return _state_all([facts.name], options.json)
    return _try(facts, options)


def _check(options: ClaimOptions) -> None:
    if options.all and options.name:
        raise UsageError(f"`gyebo claim` was given {options.name!r} and --all: give a name, or --all for every claim.")
    if (options.page or options.publish) and not options.all:
        raise UsageError("--page and --publish are about every claim: give --all too.")
    if (options.publish or options.page) and options.seeds:
        raise UsageError("--seeds were given, but what is published rests on each claim's own seeds: leave them out.")
    _refuse_what_would_do_nothing(options)
    if options.predict:
        _as_verdict(options.predict)


def _refuse_what_would_do_nothing(options: ClaimOptions) -> None:
    about_a_run = {
        "--predict": options.predict,
        "--yes": options.yes,
        "--seeds": options.seeds,
        "--minutes": options.minutes is not None,
        "--page": options.page,
        "--publish": options.publish,
    }
    given = [option for option, value in about_a_run.items() if value]
    if not (options.name or options.all) and (options.state or given):
        option = "--state" if options.state else given[0]
        raise UsageError(
            f"`gyebo claim` without a name lists the claims and runs none, but {option} was given: name a claim, give --all, or leave"
            f" {option} out."
        )
    if options.state and given:
        raise UsageError(f"--state runs nothing, but {given[0]} is about a run: leave out one of the two.")
    if options.all and options.predict:
        raise UsageError(
            "--predict is about one claim, but --all tries every claim: give the claim's name, or leave --predict out."
        )


def _as_verdict(word: str) -> Verdict:
    """The verdict that a word means.

    >>> _as_verdict("does-not-hold"), _as_verdict("u")
    ('does not hold', 'undecided')
    """
    plain = " ".join(word.lower().replace("-", " ").split())
    for verdict in VERDICTS:
        if plain and verdict.startswith(plain):
            return verdict
    raise UsageError(f"--predict is {word!r}, but a verdict was expected. {did_you_mean(plain, VERDICTS)}")


def _print_list(options: ClaimOptions) -> None:
    rows = []
    for name in claim_names():
        facts, known = claim_facts(name), stored_verdict(name, options.output)
        rows.append(
            {
                "claim": name,
                "statement": facts.statement,
                "verdict": str(known) if known else "",
                "origin": known.origin if known and not known.outdated else "",
                "minutes": facts.minutes,
            }
        )
    if options.json:
        print_json(rows)
        return
    print_table(
        ("claim", "statement", "verdict", "from", "budget, min"), [[_cell(value) for value in row.values()] for row in rows]
    )
    print("\ngyebo claim NAME asks for your prediction and tries it; own results in", options.output)


def _state_all(names: Sequence[str], as_json: bool) -> int:
    if as_json:
        plain = [dataclasses.asdict(claim_facts(name)) for name in names]
        print_json(plain[0] if len(plain) == 1 else plain)
        return 0
    for number, name in enumerate(names):
        print("\n" * bool(number), end="")
        facts = claim_facts(name)
        _print_statement(facts, facts.minutes, facts.seeds)
    return 0


def _print_statement(facts: ClaimFacts, minutes: float, seeds: Sequence[int]) -> None:
    """What is asked, how it is judged and what could come out; minutes and seeds: of this start."""
    edge = f"{facts.parent} -> {facts.child}" if facts.parent != facts.child else f"a part of {facts.child}"
    print(f"claim {facts.name}: {facts.statement}\n")
    budget = f"{len(seeds)} seed{'s' * (len(seeds) != 1)}, at most {minutes:g} minute{'s' * (minutes != 1)}"
    print_facts({"edge": edge, "source": facts.source, "question": facts.question, "budget": budget})
    print("\nThe rule, fixed before anything is run")
    rows = [(effect.name, effect.meaning, f"{effect.at_least:g}", effect.why) for effect in facts.effects]
    print_table(("effect", "meaning", "at least", "why"), rows)
    print(
        "The claim holds where the 95 % confidence interval of every effect lies at or above its threshold, does not hold\nwhere"
        " one lies below, and is undecided otherwise.\n\nWhat could come out"
    )
    print_facts({verdict: facts.outcomes[verdict] for verdict in VERDICTS})


def _try(facts: ClaimFacts, options: ClaimOptions) -> int:
    prediction: Verdict | None = _as_verdict(options.predict) if options.predict else None
    if not options.json:
        _print_statement(facts, facts.minutes if options.minutes is None else options.minutes, options.seeds or facts.seeds)
        print(flush=True)
        if prediction is None and not options.yes and _reader_is_there():
            prediction = _ask()
    result = _measure(facts.name, options)
    if options.json:
        print_json(_plain(result) | {"prediction": prediction})
        return 0
    _print_result(facts, result)
    _print_prediction(prediction, result.verdict)
    return 0


def _reader_is_there() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def _ask() -> Verdict | None:
    """The reader's prediction; Enter is none."""
    while True:
        try:
            word = input("Your prediction? h(olds), d(oes not hold), u(ndecided), or Enter to begin without one: ").strip()
        except EOFError:
            print()
            return None
        if not word:
            return None
        try:
            return _as_verdict(word)
        except UsageError:
            print(f"{word!r} is none of the three.")


def _measure(name: str, options: ClaimOptions) -> ClaimResult:
    with live_lines(f"claim {name}") as (show, say):
        show(0.0, f"claim {name}: loading")
        from gyebo.claims.catalogue import claim
        from gyebo.claims.engine import Listener, run_claim

        listener = Listener(say=lambda text: say(f"{name}, {text}"), show=lambda share, text: show(share, f"{name}, {text}"))
        return run_claim(
            claim(name), options.output / name, seeds=options.seeds or None, minutes=options.minutes, listener=listener
        )


def _plain(result: ClaimResult) -> dict[str, Any]:
    plain = dataclasses.asdict(result)
    return plain | {"folder": str(result.folder), "file": str(result.file), "figures": [str(path) for path in result.figures]}


def _print_result(facts: ClaimFacts, result: ClaimResult) -> None:
    if result.verdict is None:
        print(
            f"No verdict: {len(result.seeds)} seed{'s' * (len(result.seeds) > 1)} measured, and at least three are needed. What"
            f" was measured is in {result.folder}."
        )
        return
    rows = [
        (effect.name, f"{effect.mean:.4g}", f"{effect.low:.4g} to {effect.high:.4g}", f"{effect.at_least:g}", effect.verdict)
        for effect in result.effects
    ]
    print_table(("effect", "mean", "95 % interval", "at least", "outcome"), rows)
    print(f"\nverdict: {result.verdict}. {facts.outcomes[result.verdict]}\n")
    seeds = f"{' '.join(map(str, result.seeds))}, in {result.seconds / 60:.1f} minutes"
    print_facts({"seeds": seeds, "figure": result.figures[0], "result": result.file})


def _print_prediction(prediction: Verdict | None, verdict: Verdict | None) -> None:
    if prediction is None or verdict is None:
        return
    print(f"\nYou predicted {prediction!r}: " + ("right." if prediction == verdict else f"it came out {verdict!r}."))


def _try_all(options: ClaimOptions) -> int:
    """Every claim; one that fails is told, and the others go on."""
    results: dict[str, ClaimResult] = {}
    failures: dict[str, str] = {}
    for name in claim_names():
        try:
            results[name] = _measure(name, options)
        except GyeboError as error:
            if isinstance(error, DiskError | UsageError) or error.exit_code > 128:  # would strike the others too
                raise
            failures[name] = str(error)
            print(paragraph(str(error)), file=sys.stderr, flush=True)
    if options.page is not None:
        from gyebo.claims.page import claims_page

        write_text(options.page, claims_page(results, failures))
    if options.publish:
        from gyebo.claims.verdicts import publish

        publish(results.values())
    if options.json:
        print_json(
            {name: _plain(result) for name, result in results.items()} | {name: {"failed": why} for name, why in failures.items()}
        )
    else:
        rows = [
            (name, str(result.verdict or "no verdict"), f"{result.seconds / 60:.1f}", result.figures[0])
            for name, result in results.items()
        ]
        print_table(("claim", "verdict", "minutes", "figure"), [*rows, *((name, "failed", "", "") for name in failures)])
        if options.page is not None:
            print(f"\nwritten to {options.page}")
    return 1 if failures else 0


def _cell(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
