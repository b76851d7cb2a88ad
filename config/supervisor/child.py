"""One supervised process: started, watched, started again, stopped."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from config.embedded import processes
from config.supervisor.roles import Role

# Failures in a row until we give up; a process that ran this long has started well.
PATIENCE: Final = 5
SETTLED_SECONDS: Final = 60
LONGEST_PAUSE: Final = 30
LOG_BYTES: Final = 10 * 1024 * 1024


class Child:
    """A role's process and what happened to it so far."""

    def __init__(self, role: Role, log_dir: Path, env: Mapping[str, str]) -> None:
        self.role = role
        self.log = log_dir / f"{role.name.replace(' ', '_')}.log"
        self.env = env
        self.process: subprocess.Popen[bytes] | None = None
        self.failures = 0
        self.started_at = 0.0
        self.start_at = 0.0

    def start(self) -> None:
        rotate(self.log)
        self.started_at = time.monotonic()
        self.process = processes.spawn(self.role.command, log=self.log, env=self.env)

    def tend(self) -> str:
        """Start the process (again) when it is time to; what an operator should know, or ""."""
        if self.process is None:
            if time.monotonic() >= self.start_at:
                self.start()
            return ""
        code = self.process.poll()
        if code is None:
            return ""
        processes.kill_group(self.process.pid)
        self.process = None
        settled = time.monotonic() - self.started_at > SETTLED_SECONDS
        self.failures = 1 if settled else self.failures + 1
        pause = min(2 ** (self.failures - 1), LONGEST_PAUSE)
        self.start_at = time.monotonic() + pause
        return f"{self.role.name} {how_it_ended(code)}; starting it again in {pause} s."

    @property
    def is_hopeless(self) -> bool:
        return self.failures >= PATIENCE

    @property
    def is_ready(self) -> bool:
        return self.is_running and (self.role.is_ready is None or self.role.is_ready())

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def ask_to_stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()

    def kill(self) -> None:
        if self.process is not None:
            processes.kill_group(self.process.pid)


def how_it_ended(code: int) -> str:
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with status {code}"


def rotate(log: Path) -> None:
    """Keep one older log. The file is emptied, not moved: its writer has it open."""
    if log.exists() and log.stat().st_size > LOG_BYTES:
        log.with_name(f"{log.name}.1").write_bytes(log.read_bytes())
        os.truncate(log, 0)
