"""Child processes that never outlive the process that started them."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final

LINUX: Final = sys.platform.startswith("linux")


def spawn(
    command: Sequence[str | Path],
    *,
    log: Path,
    death_signal: signal.Signals = signal.SIGTERM,
    env: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a child in its own session, its output appended to `log`.

    Its own session keeps the terminal's Ctrl-C away from it, so that the parent decides the
    order of stopping. Should the parent be killed, Linux sends the child `death_signal`. Call this
    from the main thread: that signal is bound to the thread that forked.
    """
    with log.open("ab") as output:
        return subprocess.Popen(  # noqa: S603
            [*dying_with_parent(death_signal), *(str(part) for part in command)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=env,
            start_new_session=True,
        )


def dying_with_parent(death_signal: signal.Signals) -> list[str]:
    """What to put before a command; empty where the system can't do it.

    Not by preexec_fn: Python may not run between fork and exec where there are threads.
    """
    setpriv = setpriv_path()
    if setpriv is None:
        return []
    return [setpriv, f"--pdeathsig={death_signal.name.removeprefix('SIG')}", "--"]


@cache
def setpriv_path() -> str | None:
    """util-linux's setpriv; BusyBox has one that can't do what we need."""
    path = shutil.which("setpriv")
    if path is None:
        return None
    listed = subprocess.run([path, "--help"], capture_output=True, text=True)  # noqa: S603
    return path if "--pdeathsig" in listed.stdout else None


def wait_for(condition: Callable[[], bool], seconds: float, *, pause: float = 0.02) -> bool:
    """Poll until `condition` holds; False when `seconds` have passed."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
    return True


def stop(process: subprocess.Popen[bytes], first: signal.Signals, seconds: float) -> None:
    """Ask a child to end, and kill it with its whole group when it has not after `seconds`."""
    if process.poll() is None:
        process.send_signal(first)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            kill_group(process.pid)
            process.wait()


def kill_group(pid: int) -> None:
    """Kill the process group of a child that leads one, if any of it is left."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def is_alive(pid: int) -> bool:
    """Whether a process with this id exists (a zombie counts as dead)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    state = process_state(pid)
    return state != "Z"


def process_state(pid: int) -> str:
    """The one-letter state from /proc, "" where there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    return text.rpartition(")")[2].split()[0]


def last_lines(log: Path, count: int = 8) -> str:
    """The end of a log, for an error message; "" when there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 8_192))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-count:])
