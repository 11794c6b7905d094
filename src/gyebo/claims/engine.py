"""Running a claim: seed after seed, each kept as soon as it is measured; then the rule, the verdict and the figure."""

from __future__ import annotations

import json
import math
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

import gyebo
from gyebo.claims.catalogue import fingerprint
from gyebo.claims.interface import Claim, ClaimFacts, Measurement, Verdict
from gyebo.claims.statistics import confidence_interval, joint_verdict, judge
from gyebo.claims.store import ClaimFolder, SeedRecord, Stamp, read_json
from gyebo.errors import GyeboError, UsageError
from gyebo.runs.environment import describe_environment
from gyebo.training.randomness import seed_generators
from gyebo.training.signals import Interrupted, StopAsked, stop_signals

__all__ = ["FEWEST_SEEDS", "ClaimResult", "EffectResult", "Listener", "OverBudget", "Stopped", "run_claim"]

FEWEST_SEEDS = 3
"""fewer give no verdict: an interval over two seeds is twelve standard errors wide on either side"""
MAX_SEED = 2**63 - 1


@dataclass(frozen=True, kw_only=True)
class EffectResult:
    """One effect over the seeds."""

    name: str
    mean: float
    low: float
    high: float
    """the ends of the 95 % confidence interval"""
    at_least: float
    values: tuple[float, ...]
    """one a seed, in the order of the seeds"""
    verdict: Verdict


@dataclass(frozen=True, kw_only=True)
class ClaimResult:
    """What a claim came to; `verdict` is None and `effects` is empty where there were fewer than three seeds."""

    claim: str
    verdict: Verdict | None
    effects: tuple[EffectResult, ...]
    seeds: tuple[int, ...]
    seconds: float
    """of all seeds together, those measured by an earlier start included"""
    environment: Mapping[str, Any]
    """that of the last seed"""
    fingerprint: str
    version: str
    table: list[dict[str, Any]]
    """the rows of all seeds, each with its seed"""
    folder: Path
    file: Path
    figures: tuple[Path, ...]


def _silent(*_: object) -> None:
    pass


@dataclass(frozen=True)
class Listener:
    """Who is told how a claim gets on.

    say: called with a line that stays, such as the end of a seed.  show: called with (share of the budget used, what is done now).
    """

    say: Callable[[str], None] = _silent
    show: Callable[[float, str], None] = _silent


class Stopped(GyeboError):
    """A signal asked to stop; the seeds measured so far are on the disk.  when: the end of the sentence."""

    def __init__(self, number: int, when: str) -> None:
        super().__init__(f"Stopped by {signal.Signals(number).name} {when}")
        self.exit_code = 128 + number

    @classmethod
    def in_seed(cls, claim: str, number: int, seed: int, done: Sequence[int]) -> Stopped:
        return cls(
            number, f"while the claim {claim} measured seed {seed}: {_kept(done)} The same command goes on with seed {seed}."
        )


class OverBudget(GyeboError):
    """The minutes of this start are used up; the seeds measured so far are on the disk."""

    def __init__(self, claim: str, minutes: float, seed: int, done: Sequence[int], measured: int) -> None:
        onward = (
            f"The same command goes on with seed {seed} and a budget of its own; --minutes {2 * minutes:g} gives it more."
            if measured
            else f"No seed was finished in that time, so the same command would stop here again: give it more with"
            f" --minutes {2 * minutes:g}, or a machine with less to do."
        )
        super().__init__(
            f"The claim {claim} has used up its budget of {minutes:g} minute{'s' * (minutes != 1)} while it measured seed {seed}."
            f" {_kept(done)} There is no verdict before all seeds are measured. {onward}"
        )


def _kept(done: Sequence[int]) -> str:
    if not done:
        return "No seed is finished yet."
    return f"Kept: seed{'s' * (len(done) > 1)} {', '.join(map(str, done))}."


@dataclass
class _Watch:
    """The clock of one start: `gyebo.claims.interface.Clock`."""

    claim: str
    minutes: float
    asked: StopAsked
    listener: Listener
    done: list[int]
    seed: int = 0
    place: str = ""
    measured: int = 0

    def __post_init__(self) -> None:
        self._begun = time.monotonic()

    def __call__(self) -> None:
        if self.asked.number is not None:
            raise Stopped.in_seed(self.claim, self.asked.number, self.seed, self.done)
        if time.monotonic() - self._begun > 60 * self.minutes:
            raise OverBudget(self.claim, self.minutes, self.seed, self.done, self.measured)

    def say(self, text: str) -> None:
        share = (time.monotonic() - self._begun) / (60 * self.minutes)
        self.listener.show(min(1.0, share), f"{self.place}: {text}")


def run_claim(
    claim: Claim,
    folder: Path,
    *,
    seeds: Sequence[int] | None = None,
    minutes: float | None = None,
    listener: Listener | None = None,
) -> ClaimResult:
    """Measure the seeds that are not yet in `folder`, judge all of them, and write result and figures.

    folder: of this claim alone.  seeds: those of the claim where none are given.  minutes: the budget of this start; what earlier
    starts have measured is kept and costs nothing.
    A stored seed that was measured under another source text of the claim, or by another gyebo, is measured again.
    A result over other seeds than the claim's own stands apart, and is no verdict on the claim.
    Raises Stopped for SIGTERM and SIGINT and OverBudget (both keep every finished seed), GyeboError where a measurement is not
    finite or not that of the claim's effects, UsageError for seeds or minutes that cannot be, DiskError where the disk refuses.
    """
    chosen = _check_seeds(claim.seeds if seeds is None else seeds)
    budget = claim.minutes if minutes is None else minutes
    if not (math.isfinite(budget) and budget > 0):
        raise UsageError(f"--minutes is {budget:g}, but a budget above 0 was expected.")
    place, stamp = (
        ClaimFolder(folder, chosen != tuple(claim.seeds)),
        Stamp(fingerprint=fingerprint(claim.name), version=gyebo.__version__),
    )
    with place.lock(), stop_signals() as asked:
        records = _measure_all(claim, place, chosen, stamp, budget, asked, listener or Listener())
        result = _judge(claim, place, chosen, records)
        _write(claim, place, result)
        if asked.number is not None:
            raise Stopped(asked.number, f"when the claim {claim.name} was measured: its result is written to {place.result}.")
    return result


def _check_seeds(seeds: Sequence[int]) -> tuple[int, ...]:
    if not seeds or len(set(seeds)) < len(seeds) or not all(0 <= seed <= MAX_SEED for seed in seeds):
        raise UsageError(
            f"--seeds are {' '.join(map(str, seeds)) or 'none'}, but different whole numbers from 0 on were expected: a seed that"
            " counts twice would make the interval narrower than it is."
        )
    return tuple(seeds)


def _measure_all(
    claim: Claim, place: ClaimFolder, seeds: Sequence[int], stamp: Stamp, budget: float, asked: StopAsked, listener: Listener
) -> list[SeedRecord]:
    stored = {seed: record for seed in seeds if (record := place.read_seed(seed)) is not None}
    current = {seed: record for seed, record in stored.items() if record.stamp == stamp and set(record.effects) == _names(claim)}
    watch = _Watch(claim.name, budget, asked, listener, [*current])
    for number, seed in enumerate(seeds, 1):
        watch.seed, watch.place = seed, f"seed {seed} ({number} of {len(seeds)})"
        if seed in current:
            listener.say(f"{watch.place}: measured before, in {current[seed].seconds:.0f} s")
            continue
        watch()
        if place.seed_file(seed).exists():
            listener.say(f"{watch.place}: {_why_again(stored.get(seed), stamp)}, so it is measured again")
        record = _measure(claim, seed, stamp, watch)
        place.write_seed(record)
        current[seed] = record
        watch.done.append(seed)
        watch.measured += 1
        values = ", ".join(f"{name} {value:.4g}" for name, value in record.effects.items())
        listener.say(f"{watch.place}: {values}, in {record.seconds:.0f} s")
    return [current[seed] for seed in seeds]


def _why_again(record: SeedRecord | None, stamp: Stamp) -> str:
    if record is None:
        return "what is stored of it cannot be read"
    if record.fingerprint != stamp.fingerprint:
        return "it was measured under another text of this claim"
    if record.version != stamp.version:
        return f"it was measured by gyebo {record.version}"
    return "what is stored of it has other effects"


def _measure(claim: Claim, seed: int, stamp: Stamp, watch: _Watch) -> SeedRecord:
    begun = time.monotonic()
    with _surroundings(claim.threads, seed):
        environment = describe_environment("cpu", 1)
        try:
            measured = claim.measure(seed, watch)
        except Interrupted as stopped:  # a training inside of the claim has heard the signal first
            raise Stopped.in_seed(claim.name, stopped.exit_code - 128, seed, watch.done) from stopped
    _check(claim, seed, measured)
    return SeedRecord(
        seed=seed,
        effects={effect.name: float(measured.effects[effect.name]) for effect in claim.effects},
        table=measured.table,
        seconds=round(time.monotonic() - begun, 2),
        environment=environment,
        fingerprint=stamp.fingerprint,
        version=stamp.version,
    )


@contextmanager
def _surroundings(threads: int, seed: int) -> Iterator[None]:
    """Threads, default dtype and random numbers as the claim is promised them; afterwards as they were."""
    threads_before, dtype_before = torch.get_num_threads(), torch.get_default_dtype()
    with torch.random.fork_rng(devices=()):
        try:
            torch.set_num_threads(threads)
            torch.set_default_dtype(torch.float32)
            seed_generators(seed, "cpu")
            yield
        finally:
            torch.set_num_threads(threads_before)
            torch.set_default_dtype(dtype_before)


def _names(claim: ClaimFacts) -> set[str]:
    return {effect.name for effect in claim.effects}


def _check(claim: ClaimFacts, seed: int, measured: Measurement) -> None:
    if set(measured.effects) != _names(claim):
        raise GyeboError(
            f"Seed {seed} of the claim {claim.name} gave the effects {', '.join(sorted(measured.effects)) or 'none'}, but"
            f" {', '.join(sorted(_names(claim)))} were expected. Its measure function has to give a value for each of its effects."
        )
    for name, value in measured.effects.items():
        if not math.isfinite(value):
            raise GyeboError(
                f"The effect {name!r} of the claim {claim.name} is {value} for seed {seed}, but a finite number was expected: no"
                " verdict follows from it, so the seed is not kept. A training that diverged, or a division by zero, is to be told"
                " by a finite effect that speaks against the claim."
            )
    try:
        json.dumps(measured.table, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise GyeboError(
            f"The table of the claim {claim.name} holds for seed {seed} what JSON cannot write ({error}). Give plain numbers, texts"
            " and lists, and None instead of NaN."
        ) from error


def _judge(claim: ClaimFacts, place: ClaimFolder, seeds: tuple[int, ...], records: Sequence[SeedRecord]) -> ClaimResult:
    effects: tuple[EffectResult, ...] = ()
    if len(seeds) >= FEWEST_SEEDS:
        effects = tuple(_judge_effect(effect.name, effect.at_least, records) for effect in claim.effects)
    last = records[-1]
    return ClaimResult(
        claim=claim.name,
        verdict=joint_verdict(effect.verdict for effect in effects) if effects else None,
        effects=effects,
        seeds=seeds,
        seconds=round(sum(record.seconds for record in records), 2),
        environment=last.environment,
        fingerprint=last.fingerprint,
        version=last.version,
        table=[{"seed": record.seed, **row} for record in records for row in record.table],
        folder=place.path,
        file=place.result,
        figures=place.figures,
    )


def _judge_effect(name: str, at_least: float, records: Sequence[SeedRecord]) -> EffectResult:
    values = tuple(record.effects[name] for record in records)
    interval = confidence_interval(values)
    return EffectResult(
        name=name,
        mean=interval.mean,
        low=interval.low,
        high=interval.high,
        at_least=at_least,
        values=values,
        verdict=judge(interval, at_least),
    )


def _write(claim: Claim, place: ClaimFolder, result: ClaimResult) -> None:
    """Result and figures; those that say the same already are left as they are."""
    plain = {key: value for key, value in asdict(result).items() if key not in ("table", "folder", "file", "figures")}
    plain = json.loads(json.dumps(plain))
    if read_json(place.result) == plain and all(path.exists() for path in place.figures):
        return
    figure = claim.draw(json.loads(json.dumps(result.table)))
    for path in place.figures:
        figure.save(path)
    place.write(place.result, plain)
