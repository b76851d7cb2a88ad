"""Every fault of push-reference section 3.5, once, on a real stack: PostgreSQL, Valkey and RQ.

A third of the devices each are browsers, apps at Firebase and apps at Apple.

`python -m tests.chaos` plays them, here as there; `make chaos` plays many more.
"""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.chaos.faults import FAULTS
from tests.running import ROOT

# One stack for all of them.
pytestmark = pytest.mark.xdist_group("chaos")

RECIPIENTS = 240
# Of each answer: so that there is time to strike, with three services that take messages at once.
SLOW = 0.25
Faults = list[tuple[float, str]]
# Several in one run, so that what a dead sender held is waited for once. Ten deploys are for
# `make chaos`: starting so many workers is all that they would cost here.
SENDS: dict[str, tuple[str, Faults]] = {
    "senders": (
        "fifty",
        [
            (0.1, "same_job_twice"),
            (0.2, "orphan_horse"),
            (0.3, "kill_horse"),
            (0.4, "kill_both"),
            (0.5, "freeze_sender"),
        ],
    ),
    "answers": (
        "now",
        [
            (0.05, "hang"),
            (0.1, "hang_unaccepted"),
            (0.2, "accept_then_reset"),
            (0.3, "limited"),
            (0.4, "unavailable"),
            (0.5, "goaway"),
            (0.6, "refused_stream"),
        ],
    ),
    "redis": (
        "scheduled",
        [(0.1, "ticker_dies"), (0.2, "flushall"), (0.3, "redis_full"), (0.5, "redis_away")],
    ),
    "postgres": (
        "now",
        [(0.1, "failed_commits"), (0.3, "postgres_stop"), (0.5, "postgres_frozen")],
    ),
    "machine": ("now", [(0.2, "deploys"), (0.6, "kill_machine")]),
}


class Driver:
    """`python -m tests.chaos --talk`: a mix a line in, a report a line out."""

    def __init__(self) -> None:
        command = [sys.executable, "-W", "ignore", "-m", "tests.chaos", "--talk", "--lease", "15"]
        self.process = subprocess.Popen(
            [*command, "--recipients", str(RECIPIENTS)],
            cwd=ROOT,
            env=dict(os.environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.answer() == {"ready": True}

    def answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the driver ended, see above"
        found: dict[str, Any] = json.loads(line)
        return found

    def play(self, **mix: Any) -> dict[str, Any]:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(mix) + "\n")
        self.process.stdin.flush()
        return self.answer()

    def stop(self) -> int:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            with contextlib.suppress(BrokenPipeError):
                self.process.stdin.close()
            return self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        finally:
            self.process.stdout.close()


@pytest.fixture(scope="module")
def driver() -> Iterator[Driver]:
    driver = Driver()
    yield driver
    assert driver.stop() == 0


@pytest.mark.parametrize("name", SENDS)
def test_a_send_under_fire(driver: Driver, name: str) -> None:
    start, faults = SENDS[name]
    small = {"workers": 1 if name == "machine" else 2, "deploys": 3, "outage": 1.5}
    report = driver.play(name=name, seed=1, start=start, faults=faults, latency=SLOW, **small)
    assert report["violations"] == [], report
    assert report["missed"] == [], report
    assert report["counts"].get("accepted", 0) > 0.5 * RECIPIENTS, report


def test_a_restored_dump_comes_up_paused(driver: Driver) -> None:
    report = driver.play(name="restored", seed=1, faults=[], latency=SLOW)
    assert report["faults"] == ["restored_dump"]
    assert report["violations"] == [], report


def test_every_fault_is_played() -> None:
    played = [name for _start, faults in SENDS.values() for _moment, name in faults]
    assert sorted(played) == sorted(FAULTS)
