"""Where a sender's time goes: clocks around the calls of each stage, and a tracing profiler.

The clocks cost under 2 % and tell the truth about stages. The profiler makes functions that are
called often look dearer than they are; it only shows where to look within a stage.
"""

from __future__ import annotations

import cProfile
import io
import pstats
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any
from unittest import mock

# What is not within any of these is the turn's own: leases, gates, keeping the books of what flies.
CALLS = {
    "claim": ("campaigns.claiming", "claim"),
    "render": ("campaigns.claiming", "Requests.of"),
    "encrypt": ("campaigns.pushing", "PushSender.made"),
    "network: begin": ("subscribers.transports.client", "PushClient.start"),
    "network: go on": ("subscribers.transports.client", "PushClient.step"),
    "record": ("campaigns.recording", "record"),
}
REST = "turn"


@dataclass
class Clocks:
    """Seconds by stage, by the clock and of CPU, without what a stage within had."""

    wall: Counter[str] = field(default_factory=Counter)
    cpu: Counter[str] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)
    open: list[str] = field(default_factory=list)
    last: tuple[float, float] = (0.0, 0.0)

    def switch(self) -> None:
        """Put down what passed since the last switch to the stage that is open."""
        now = time.perf_counter(), time.thread_time()
        stage = self.open[-1] if self.open else REST
        # Counters of seconds: their type says int, and any number will do.
        self.wall[stage] += now[0] - self.last[0]  # type: ignore[assignment]
        self.cpu[stage] += now[1] - self.last[1]  # type: ignore[assignment]
        self.last = now

    def around(self, stage: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any, **kwargs: Any) -> Any:
            self.switch()
            self.open.append(stage)
            self.calls[stage] += 1
            try:
                return call(*args, **kwargs)
            finally:
                self.switch()
                self.open.pop()

        return timed

    def table(self, messages: int) -> Iterator[str]:
        """Lines: what each stage had for a message, the dearest first."""
        whole = sum(self.cpu.values())
        yield f"{'stage':<16}{'of CPU':>8}{'CPU us':>9}{'clock us':>10}{'calls':>9}"
        for stage, cpu in self.cpu.most_common():
            each = f"{cpu / messages * 1e6:>9.1f}{self.wall[stage] / messages * 1e6:>10.1f}"
            yield f"{stage:<16}{cpu / whole:>8.1%}{each}{self.calls[stage]:>9,}"


@contextmanager
def clocks() -> Iterator[Clocks]:
    """Time the stages of whatever this thread sends meanwhile."""
    found = Clocks()
    with ExitStack() as stack:
        for stage, (module, path) in CALLS.items():
            owner: Any = import_module(module)
            *classes, name = path.split(".")
            for class_name in classes:
                owner = getattr(owner, class_name)
            timed = found.around(stage, getattr(owner, name))
            stack.enter_context(mock.patch.object(owner, name, timed))
        found.last = time.perf_counter(), time.thread_time()
        yield found
        found.switch()


def functions(work: Callable[[], object], most: int = 45) -> str:
    """The functions that had most time of their own, by the tracing profiler."""
    profiler = cProfile.Profile()
    profiler.runcall(work)
    text = io.StringIO()
    pstats.Stats(profiler, stream=text).strip_dirs().sort_stats("tottime").print_stats(most)
    return text.getvalue()
