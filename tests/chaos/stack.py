"""A whole Beckon to strike at: PostgreSQL, Valkey, workers, tickers and push services, all real.

Each process is ours to kill by its id. What dies is started again by `tend`, as `manage.py up` or
a system's supervisor would.
"""

from __future__ import annotations

import base64
import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from config.embedded import processes
from config.embedded.postgres import Postgres
from config.embedded.valkey import Valkey
from config.supervisor.family import Family
from tests.chaos.pushing import AppService, PushService, PushServices
from tests.running import ROOT, SETTINGS

SUPERVISED = ("DATABASE_URL", "REDIS_URL", "DEMO", "WORKERS")
DRAIN_SECONDS = 15.0
START_SECONDS = 60.0


@dataclass(frozen=True)
class Sizes:
    """How the senders are set: see docs/operations.md. `lease`: seconds."""

    batch: int = 200
    window: int = 25
    in_flight: int = 50
    lease: int = 60


class Stack:
    """Start it with `running()`. `var_dir` must be short: there are sockets in it."""

    def __init__(self, var_dir: Path, sizes: Sizes, *, tickers: int = 2) -> None:
        self.var_dir = var_dir
        self.sizes = sizes
        self.postgres = Postgres(var_dir)
        self.valkey = Valkey(var_dir)
        self.ports = {"pushservice": free_port(), "appservice": free_port()}
        web, apps = (f"http://127.0.0.1:{port}" for port in self.ports.values())
        self.push = PushServices(
            PushService(web, var_dir / "pushservice"),
            AppService(apps, var_dir / "appservice", at_once=sizes.in_flight),
        )
        self.env = environment(var_dir, self.push, sizes)
        self.wanted = {"worker": 0, "ticker": tickers}
        self.processes: dict[str, list[subprocess.Popen[bytes]]] = {"worker": [], "ticker": []}
        self.services: list[subprocess.Popen[bytes]] = []
        self.family = Family()

    def start_servers(self) -> None:
        self.postgres.start()
        self.valkey.start()
        for name, port in self.ports.items():
            command = [sys.executable, "-m", f"demo.{name}", "--port", str(port)]
            data = ["--data", str(self.var_dir / name)]
            self.services.append(self.spawn(name, [*command, *data]))
        if not processes.wait_for(self.push.is_up, START_SECONDS):
            raise AssertionError("the push services did not start")

    def spawn(self, name: str, command: list[str]) -> subprocess.Popen[bytes]:
        log = self.var_dir / "log" / f"{name}.log"
        return processes.spawn(command, log=log, env=self.env)

    def start_one(self, role: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, str(ROOT / "manage.py"), role, "--skip-checks"]
        process = self.spawn(role, command)
        self.processes[role].append(process)
        return process

    def tend(self) -> None:
        """Bury the dead, and start others in their place."""
        for role, running in self.processes.items():
            running[:] = [process for process in running if process.poll() is None]
            for _missing in range(self.wanted[role] - len(running)):
                self.start_one(role)
        mine = {process.pid for process in self.all_processes()}
        self.family.bury(mine | server_pids(self))

    def all_processes(self) -> list[subprocess.Popen[bytes]]:
        return [*self.processes["worker"], *self.processes["ticker"], *self.services]

    def workers(self) -> list[subprocess.Popen[bytes]]:
        return [worker for worker in self.processes["worker"] if worker.poll() is None]

    def horse_of(self, worker: subprocess.Popen[bytes]) -> int | None:
        """The process that runs a worker's present job."""
        return next(iter(children_of(worker.pid)), None)

    def want_workers(self, number: int) -> None:
        """So many from now on; those that are too many are asked to stop."""
        self.wanted["worker"] = number
        for worker in self.workers()[number:]:
            worker.terminate()
        self.tend()

    def stop_senders(self) -> None:
        """Ask all workers and tickers to stop, and wait until they have."""
        everybody = [*self.processes["worker"], *self.processes["ticker"]]
        for process in everybody:
            if process.poll() is None:
                process.terminate()
        for process in everybody:
            processes.stop(process, signal.SIGTERM, DRAIN_SECONDS)
        for running in self.processes.values():
            running.clear()

    def kill_senders(self) -> None:
        """All workers with what they do, and all tickers, at once."""
        for process in [*self.processes["worker"], *self.processes["ticker"]]:
            for pid in (process.pid, *children_of(process.pid)):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            process.wait()

    def stop(self) -> None:
        self.wanted = {"worker": 0, "ticker": 0}
        self.kill_senders()
        for service in self.services:
            processes.stop(service, signal.SIGTERM, 5)
        self.valkey.stop()
        self.postgres.stop()
        self.family.end()


def server_pids(stack: Stack) -> set[int]:
    servers = (stack.postgres.process, stack.valkey.process)
    return {process.pid for process in servers if process is not None}


def children_of(pid: int) -> list[int]:
    """The children of any process."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, parent = entry.read_text().rpartition(")")[2].split()[:2]
            if int(parent) == pid and state != "Z":
                found.append(int(entry.parent.name))
    return found


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def environment(var_dir: Path, push: PushServices, sizes: Sizes) -> dict[str, str]:
    """A user's environment with our own settings alone."""
    ours = {*SETTINGS, *SUPERVISED}
    kept = {name: value for name, value in os.environ.items() if name not in ours}
    return {
        **kept,
        "DJANGO_SETTINGS_MODULE": "tests.chaos.settings",
        "VAR_DIR": str(var_dir),
        "SECRET_KEY": secrets.token_urlsafe(48),
        "ENCRYPTION_KEYS": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "EXTRA_PUSH_ORIGINS": ",".join(sorted(push.origins)),
        **push.apps.settings(),
        "SEND_BATCH": str(sizes.batch),
        "SEND_WINDOW": str(sizes.window),
        "SEND_IN_FLIGHT": str(sizes.in_flight),
        "CHAOS_LEASE": str(sizes.lease),
    }


@contextlib.contextmanager
def running(var_dir: Path, sizes: Sizes, *, keep: bool = False) -> Iterator[Stack]:
    """A migrated stack without workers, with this process's Django on its database.

    Once in a process: Django's settings are read once. The block's end stops it, and removes it
    unless it is to be kept.
    """
    (var_dir / "static").mkdir(mode=0o700, parents=True, exist_ok=True)
    stack = Stack(var_dir, sizes)
    try:
        stack.start_servers()
        os.environ.update(stack.env)
        for name in SUPERVISED:
            os.environ.pop(name, None)
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        yield stack
    finally:
        stack.stop()
        if not keep:
            shutil.rmtree(var_dir, ignore_errors=True)
