"""What a figure was measured on, and what each process had to do with it (Linux: /proc)."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pycurl

ROOT = Path(__file__).resolve().parent.parent
TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
MEBIBYTE = 1024 * 1024


def described(*packages: str) -> str:
    """One line: when, on what, and how busy that was. `packages` are named with their versions."""
    now = datetime.datetime.now(datetime.UTC)
    versions = [f"{name} {importlib.metadata.version(name)}" for name in packages]
    parts = [
        f"{now:%Y-%m-%d %H:%M} UTC",
        f"{processor()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}",
        *commit(),
        f"Python {platform.python_version()}",
        f"libcurl {pycurl.version_info()[1]}",
        *versions,
    ]
    return "; ".join(parts)


def commit() -> list[str]:
    """Which commit is measured, where git can tell."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=10)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return []
    return [f"commit {said.stdout.strip()}"] if said.returncode == 0 else []


def processor() -> str:
    """Such as "AMD EPYC (x86_64)"."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else 'unknown processor'} ({platform.machine()})"


@dataclass(frozen=True)
class Process:
    """One line of /proc/PID/stat: seconds of CPU with those of children that ended, and bytes."""

    pid: int
    parent: int
    seconds: float
    resident: int


def processes() -> dict[int, Process]:
    """Every process that there is."""
    found = {}
    for place in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = place.read_text()
        except OSError:
            continue  # it has ended meanwhile
        fields = text.rpartition(")")[2].split()
        pid = int(place.parent.name)
        seconds = sum(int(field) for field in fields[11:15]) / TICKS
        found[pid] = Process(pid, int(fields[1]), seconds, int(fields[21]) * PAGE)
    return found


def family(*roots: int) -> list[Process]:
    """These processes and all that descend from them."""
    every = processes()
    chosen = {pid for pid in roots if pid in every}
    grown = True
    while grown:
        more = {one.pid for one in every.values() if one.parent in chosen} - chosen
        chosen |= more
        grown = bool(more)
    return [every[pid] for pid in sorted(chosen)]


def cpu_seconds(*roots: int) -> float:
    """CPU of these processes and their descendants since they began, those that ended included."""
    return sum(one.seconds for one in family(*roots))


def largest_resident(roots: Sequence[int]) -> float:
    """The resident memory of the largest of these processes and their descendants, in MiB."""
    return max((one.resident for one in family(*roots)), default=0) / MEBIBYTE
