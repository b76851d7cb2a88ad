"""What a seed chooses: the audience, the devices, the senders, the faults and their moments."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.chaos.faults import FAULTS

FEWEST, MOST = 2, 4
EARLIEST, LATEST = 0.05, 0.85
# How a campaign can be started: by one, by fifty at once, by its time with two tickers.
STARTS = ("now", "fifty", "scheduled")


@dataclass(frozen=True)
class Mix:
    """`faults`: (share of the audience that is accepted by then, name), in their order; `gone`,
    `refused`, `leaving`: shares of the devices; `latency`: seconds of the push service; `outage`:
    seconds for which a server is away; `deploys`: in one send; `throttle`: messages a minute.
    """

    name: str
    seed: int
    faults: tuple[tuple[float, str], ...]
    start: str = "now"
    workers: int = 2
    gone: float = 0.01
    refused: float = 0.005
    leaving: float = 0.01
    latency: float = 0.1
    outage: float = 3.0
    deploys: int = 10
    throttle: int | None = None
    rule: dict[str, Any] = field(default_factory=lambda: {"version": 1, "all": []})
    languages: tuple[str, ...] = ()

    @property
    def rng(self) -> Random:
        return Random(self.seed)  # noqa: S311 - to be repeated


def of_seed(seed: int) -> Mix:
    rng = Random(seed)  # noqa: S311 - to be repeated
    chosen = rng.sample(sorted(FAULTS), rng.randint(FEWEST, MOST))
    moments = sorted(rng.uniform(EARLIEST, LATEST) for _fault in chosen)
    languages = rng.choice(((), ("nb",), ("nb", "en")))
    return Mix(
        name=f"seed {seed}",
        seed=seed,
        faults=tuple(zip(moments, chosen, strict=True)),
        start=rng.choice(STARTS),
        workers=rng.randint(1, 3),
        gone=rng.uniform(0, 0.015),
        refused=rng.uniform(0, 0.01),
        leaving=rng.uniform(0, 0.02),
        latency=rng.choice((0.02, 0.1, 0.3)),
        outage=rng.choice((2.0, 5.0, 30.0)),
        throttle=rng.choice((None, None, None, 30_000)),
        rule=rule_of(languages),
        languages=languages,
    )


def rule_of(languages: tuple[str, ...]) -> dict[str, Any]:
    """Everybody, or those who speak one of these."""
    asked = [{"field": "language", "op": "any_of", "values": list(languages)}] if languages else []
    return {"version": 1, "all": asked}
