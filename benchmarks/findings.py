"""Figures beside their aims."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Findings:
    """Lines of figure, aim and verdict, printed as they come."""

    failed: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    def say(self, what: str, figure: str, aim: str = "", held: bool | None = None) -> None:
        """`held`: None for what is only told."""
        verdict = "" if held is None else "  yes" if held else "  NO"
        self.print(f"{what:<38}{figure}{f'  (aim {aim})' if aim else ''}{verdict}")
        if held is False:
            self.failed.append(what)

    def print(self, line: str) -> None:
        print(line, flush=True)
        self.lines.append(line)

    def conclude(self) -> None:
        """What was not reached, by name."""
        failed = ", ".join(self.failed)
        self.print(f"Not within its aim: {failed}" if failed else "All held.")
