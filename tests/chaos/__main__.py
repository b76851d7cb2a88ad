"""`python -m tests.chaos --seeds 1-20 --recipients 2000`: strike a whole Beckon, seed after seed.

Each seed chooses faults and their moments, the audience and the devices. Ends with a table, and
with status 1 if an invariant was broken; a broken seed says how to play it again. `--talk` is for
the suite: mixes are read from the standard input, reports are written to the standard output, one
JSON object a line.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from tests.chaos.pushing import CHANNELS
from tests.chaos.stack import Sizes, Stack, running

# Many windows for few recipients: a suite has not the time for more.
SMALL = Sizes(batch=60, window=10, in_flight=20)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seeds", type=seeds, default=[*range(1, 21)], help="17, or 1-200")
    parser.add_argument("--recipients", type=int, default=2_000)
    parser.add_argument("--lease", type=int, default=60, help="seconds; the product's are 60")
    parser.add_argument("--transports", type=transports, default=CHANNELS, help="web,fcm,apns")
    parser.add_argument("--keep", action="store_true", help="leave the logs for a look")
    parser.add_argument("--talk", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    # Killed politely, it still stops what it has started.
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(1))
    var_dir = Path(tempfile.mkdtemp(prefix="beckon-chaos-"))
    sizes = SMALL if given.talk else Sizes()
    sizes = replace(sizes, lease=given.lease)
    with running(var_dir, sizes, keep=given.keep) as stack:
        stack.push.channels = given.transports
        if given.talk:
            return talk(stack, given.recipients)
        return play_all(stack, given.seeds, given.recipients)


def seeds(text: str) -> list[int]:
    """17, or 1-200."""
    first, _dash, last = text.partition("-")
    return list(range(int(first), int(last or first) + 1))


def transports(text: str) -> tuple[str, ...]:
    """Some of web, fcm, apns; each gets the same share of the devices."""
    chosen = tuple(name for name in CHANNELS if name in text.split(","))
    if len(chosen) != len(text.split(",")):
        raise argparse.ArgumentTypeError(f"choose of {', '.join(CHANNELS)}")
    return chosen


def play_all(stack: Stack, chosen: list[int], recipients: int) -> int:
    from tests.chaos.mixes import of_seed
    from tests.chaos.play import Report, play
    from tests.chaos.population import populate

    on = ", ".join(stack.push.channels)
    say(f"{len(chosen)} seeds, {recipients} devices ({on}), {stack.sizes}")
    population = populate(stack.push, recipients)
    reports: list[tuple[int, Report]] = []
    for seed in chosen:
        report = play(stack, population, of_seed(seed))
        reports.append((seed, report))
        say(line(seed, report))
        for violation in report.violations:
            say(f"     {violation}")
    broken = [seed for seed, report in reports if report.violations]
    say("")
    say(HEADING)
    for seed, report in reports:
        say(line(seed, report))
    for seed in broken:
        only = "" if stack.push.channels == CHANNELS else ",".join(stack.push.channels)
        more = f' ARGS="--transports {only}"' if only else ""
        say(f"Play it again: make chaos SEED={seed} RECIPIENTS={recipients}{more}")
    say(f"{len(broken)} of {len(chosen)} seeds broke an invariant.")
    return 1 if broken else 0


HEADING = "seed  audience  accepted  unknown  bound  lost  seconds  broken  faults"


def line(seed: int, report: object) -> str:
    from tests.chaos.play import Report

    assert isinstance(report, Report)
    counts = report.counts
    # What came too late to strike has proven nothing.
    faults = [*report.faults, *(f"({name}: too late)" for name in report.missed)]
    return (
        f"{seed:>4}  {report.audience:>8}  {counts.get('accepted', 0):>8}  "
        f"{counts.get('unknown', 0):>7}  {report.bound:>5}  {report.lost:>4}  "
        f"{report.seconds:>7}  {len(report.violations):>6}  {', '.join(faults)}"
    )


def talk(stack: Stack, recipients: int) -> int:
    """Play what the suite asks for until its end closes."""
    from tests.chaos.mixes import Mix
    from tests.chaos.play import play
    from tests.chaos.population import populate
    from tests.chaos.restoring import restore

    population = populate(stack.push, recipients)
    say(json.dumps({"ready": True}))
    for asked in sys.stdin:
        wanted = json.loads(asked)
        faults = tuple((moment, name) for moment, name in wanted.pop("faults"))
        act = play if faults else restore
        report = act(stack, population, Mix(faults=faults, **wanted))
        say(json.dumps(report.as_json()))
    return 0


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
