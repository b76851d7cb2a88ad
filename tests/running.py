"""A real `manage.py up` for tests: its environment, its ports, and the lines that it prints."""

import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from http.client import HTTPConnection
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PORTS = ("WEB_PORT", "SHOP_PORT", "PUSH_PORT", "APPS_PORT")
SETTINGS = (
    *("DATABASE_URL", "REDIS_URL", "VAR_DIR", "SECRET_KEY", "ENCRYPTION_KEYS", "PUBLIC_URL"),
    *("ALLOWED_HOSTS", "EXTRA_PUSH_ORIGINS", "DJANGO_SETTINGS_MODULE", *PORTS),
)
PATIENCE = 90


def free_ports() -> dict[str, str]:
    """Ports that nobody uses right now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _name in PORTS]
    numbers = [str(server.getsockname()[1]) for server in sockets]
    for server in sockets:
        server.close()
    return dict(zip(PORTS, numbers, strict=True))


def environment(var_dir: Path, **changes: str) -> dict[str, str]:
    """A user's environment: none of the suite's own settings."""
    kept = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    return {**kept, "VAR_DIR": str(var_dir), "WORKERS": "1", "WEB_WORKERS": "1", **changes}


class Up:
    """A running `manage.py up` and the lines that it prints."""

    def __init__(
        self, env: dict[str, str], *arguments: str, command: tuple[str, ...] = (sys.executable,)
    ) -> None:
        self.env = env
        self.said: list[str] = []
        self.lines: queue.Queue[str | None] = queue.Queue()
        self.process = subprocess.Popen(
            [*command, "manage.py", "up", *arguments],
            cwd=ROOT,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put(line.rstrip())
        self.lines.put(None)

    def wait_for(self, words: str) -> str:
        """The next line with these words."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                line = self.lines.get(timeout=1)
            except queue.Empty:
                continue
            if line is None:
                break
            self.said.append(line)
            if words in line:
                return line
        text = "\n".join(self.said)
        raise AssertionError(f"never said {words!r}, but:\n{text}")

    def stop(self, chosen: signal.Signals = signal.SIGINT) -> int:
        if self.process.poll() is None:
            self.process.send_signal(chosen)
        code = self.process.wait(60)
        self.reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code

    def get(self, port: str, path: str) -> int:
        connection = HTTPConnection("127.0.0.1", int(self.env[port]), timeout=10)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        except OSError:
            return 0
        finally:
            connection.close()
