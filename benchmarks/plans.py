"""How PostgreSQL answers: the plans of statements as they run, in a short form."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

# Which of the months it is, and its alias, is the same for all of them.
MONTH = re.compile(r"(_event|_delivery)_20\d{4}")
ALIAS = re.compile(r"\b(on \w+) \w+$")
SEQUENTIAL = re.compile(r"Seq Scan on subscribers_event\b")


@dataclass
class Plans:
    """The nodes of each plan: a line for each, equal ones of several months folded into one."""

    found: dict[str, list[str]] = field(default_factory=dict)

    def sequential_over_events(self) -> list[str]:
        """The names of plans that read events from one end to the other."""
        return [
            name
            for name, lines in self.found.items()
            if any(SEQUENTIAL.search(line) for line in lines)
        ]

    def text(self) -> str:
        parts = ["\n".join([f"# {name}", *lines]) for name, lines in self.found.items()]
        return "\n\n".join(parts) + "\n"

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        """Keep the plan of the statement within that groups devices by person."""
        from django.db import connection

        def explained(
            execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any
        ) -> Any:
            if sql.startswith("SELECT") and "GROUP BY" in sql and "subscribers_subscription" in sql:
                execute(f"EXPLAIN (COSTS OFF) {sql}", params, many, context)
                self.found[name] = nodes(line for (line,) in context["cursor"].fetchall())
            return execute(sql, params, many, context)

        with connection.execute_wrapper(explained):
            yield
        assert name in self.found, f"no statement of {name} was seen"


def nodes(lines: Iterator[str]) -> list[str]:
    """The nodes of a plan without what they compare."""
    kept = [
        ALIAS.sub(r"\1", MONTH.sub(r"\1", line.rstrip()))
        for number, line in enumerate(lines)
        if number == 0 or line.strip().startswith(("->", "SubPlan", "InitPlan"))
    ]
    folded = ((line, len(list(group))) for line, group in groupby(unnumbered(kept)))
    return [line if count == 1 else f"{line}  ({count} months)" for line, count in folded]


def unnumbered(lines: list[str]) -> list[str]:
    """A bitmap scan is two nodes for each month: the second is left out, as it never differs."""
    return [line for line in lines if "Bitmap Index Scan on subscribers_event" not in line]
