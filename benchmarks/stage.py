"""A PostgreSQL, a Valkey and a sink of our own, and the product's processes on them.

Everything is in a temporary folder and gone afterwards. PostgreSQL is durable, as in production:
each commit reaches the disk.
"""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.fernet import Fernet

from benchmarks import sink
from benchmarks.sink import Sink
from config import embedded
from config.embedded import processes
from config.embedded.postgres import Postgres
from config.embedded.valkey import Valkey

ROOT = Path(__file__).resolve().parent.parent
DRAIN_SECONDS = 15.0


@dataclass
class Stage:
    """What a benchmark runs on. Processes that it started end with it."""

    folder: Path
    postgres: Postgres
    valkey: Valkey
    sink: Sink
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def postgres_pid(self) -> int:
        assert self.postgres.process is not None
        return self.postgres.process.pid

    def worker(self) -> subprocess.Popen[bytes]:
        """One more `manage.py worker`, that trusts the sink's certificate."""
        return self.spawn("benchmarks.worker")

    def ticker(self) -> subprocess.Popen[bytes]:
        """A `manage.py ticker`."""
        return self.spawn("manage", "ticker", "--skip-checks")

    def spawn(self, module: str, *arguments: str) -> subprocess.Popen[bytes]:
        """Run a module of the repository; it dies with us."""
        process = processes.spawn(
            [sys.executable, "-m", module, *arguments],
            log=self.folder / "log" / f"{module}.log",
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        self.started.append(process)
        return process

    def wait_until_ready(self, workers: int) -> None:
        """Until that many workers wait for jobs and a ticker leads."""
        import django_rq
        from django.db.models.functions import Now
        from rq import Worker

        from campaigns.models import Leader

        redis = django_rq.get_queue("send").connection
        wait_for(lambda: Worker.count(connection=redis) >= workers, "workers")
        led = Leader.objects.filter(name="ticker", until__gt=Now())
        wait_for(led.exists, "a ticker that leads")

    def restart_postgres(self) -> None:
        """As an upgrade of its package does: sessions are cut, then it starts again."""
        self.postgres.stop()
        self.postgres.start()


@contextmanager
def stage(*, log: bool = False) -> Iterator[Stage]:
    """Everything up, migrated, and Django set up in this process. `log`: the sink keeps one."""
    with tempfile.TemporaryDirectory(prefix="beckon-bench-") as name:
        folder = Path(name)
        os.chmod(folder, 0o700)
        for part in ("static", "log"):
            (folder / part).mkdir(mode=0o700)
        postgres, valkey = Postgres(folder), Valkey(folder)
        with sink.running(folder, log=folder / "accepted.log" if log else None) as push_service:
            found = Stage(folder, postgres, valkey, push_service)
            try:
                postgres.start()
                valkey.start()
                prepare(found)
                yield found
            finally:
                for process in reversed(found.started):
                    end(process)
                valkey.stop()
                postgres.stop()


def prepare(found: Stage) -> None:
    """The environment of this process and of all that it starts; the tables; whom to trust."""
    for name in ("ALLOWED_HOSTS", "PUBLIC_URL", "DEMO", "TRUSTED_PROXIES"):
        os.environ.pop(name, None)
    # Else each process that starts would compile everything anew, as it does nowhere else.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ |= {
        "BENCH_CA": str(found.sink.ca_file),
        "DATABASE_URL": embedded.database_url(found.folder),
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "ENCRYPTION_KEYS": Fernet.generate_key().decode(),
        "EXTRA_PUSH_ORIGINS": found.sink.origin,
        "REDIS_URL": embedded.redis_url(found.folder),
        "SECRET_KEY": secrets.token_urlsafe(60),
        "VAR_DIR": str(found.folder),
    }
    import django

    from benchmarks import trust

    django.setup()
    trust.trust(found.sink.ca_file)
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


def end(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM, some seconds to drain, then no more patience."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(DRAIN_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for(
    condition: Callable[[], bool], what: str, seconds: float = 60.0, pause: float = 0.02
) -> float:
    """Seconds until it holds; an error that says what never came about."""
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < seconds, f"not within {seconds:.0f} s: {what}"
        time.sleep(pause)
    return time.monotonic() - begun
