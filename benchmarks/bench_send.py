"""The whole engine: one sender working through a run, against the sandbox on loopback.

    python -m benchmarks.bench_send [devices]

A PostgreSQL and a sandbox push service of its own are started. Measured are `planning.plan` and
`sending.deliver` as a worker calls them: claim, render, encrypt, sign, POST, record. Beside it a
loop of `pywebpush.webpush()` that writes nothing down. Absolute figures are the machine's, and
sender and sandbox share it; ratios are held.
"""

from __future__ import annotations

import os
import platform
import secrets
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.fernet import Fernet

if TYPE_CHECKING:
    from campaigns.models import Run

NAIVE = 200
PATIENCE_SECONDS = 60.0


def main(devices: int = 5_000) -> None:
    with tempfile.TemporaryDirectory(prefix="beckon-bench-") as name:
        folder = Path(name)
        os.chmod(folder, 0o700)
        with push_service(folder) as port, database(folder, port):
            import django

            django.setup()
            report(devices)


@contextmanager
def push_service(folder: Path) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    command = [sys.executable, "-m", "demo.pushservice", "--port", str(port)]
    process = subprocess.Popen(  # noqa: S603
        [*command, "--data", str(folder / "push"), "--receipts-per-second", "0.1"]
    )
    try:
        end = time.monotonic() + PATIENCE_SECONDS
        while not answers(port):
            assert time.monotonic() < end, "the sandbox did not start"
        yield port
    finally:
        process.terminate()
        process.wait()


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=1):  # noqa: S310
            return True
    except OSError:
        time.sleep(0.05)
        return False


@contextmanager
def database(folder: Path, port: int) -> Iterator[None]:
    from config import embedded
    from config.embedded.postgres import Postgres

    postgres = Postgres(folder)
    postgres.start()
    os.environ |= {
        "DATABASE_URL": embedded.database_url(folder),
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "ENCRYPTION_KEYS": Fernet.generate_key().decode(),
        "EXTRA_PUSH_ORIGINS": f"http://127.0.0.1:{port}",
        "PUSH_PORT": str(port),
        "REDIS_URL": "redis://127.0.0.1:1/0",  # not used: nothing is queued
        "SECRET_KEY": secrets.token_urlsafe(60),
        "VAR_DIR": str(folder),
    }
    try:
        yield
    finally:
        postgres.stop()


def report(devices: int) -> None:
    from django.core.management import call_command

    from campaigns import planning, reports, sending
    from campaigns.models import Batch
    from campaigns.webpush import WebPushSender

    call_command("migrate", verbosity=0)
    run = started(devices)
    sender = WebPushSender.of_process()
    planned = measured(lambda: planning.plan(run.pk))[0]
    batches = list(Batch.objects.filter(run=run).values_list("pk", flat=True))

    def deliver() -> None:
        for batch in batches:
            sending.deliver(batch, sender)

    wall, cpu = measured(deliver)
    counts = reports.run_counts(run)
    sent = int(counts["audience"])
    assert counts["accepted"] == sent, counts
    few = min(NAIVE, sent)
    naive_wall, naive_cpu = measured(lambda: naive(run, few))
    print(f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, ", end="")
    print(f"Python {platform.python_version()}; {sent:,} devices in {len(batches)} batches")
    print(f"plan                {sent / planned:>8,.0f} devices a second")
    print(f"deliver             {sent / wall:>8,.0f} a second, {cpu / sent * 1e6:,.0f} us CPU each")
    rate = few / naive_wall
    print(f"loop of pywebpush   {rate:>8,.0f} a second, {naive_cpu / few * 1e6:,.0f} us CPU each")
    print(f"deliver / loop      {sent / wall / rate:>8.1f}")


def started(devices: int) -> Run:
    """A campaign to everybody on a site with that many virtual devices (some of them left)."""
    from audiences.models import Audience
    from campaigns import starting
    from campaigns.models import Campaign, Message
    from config import sandbox
    from subscribers.onboarding import create_site

    site = create_site(name="Bench", origins=["https://shop.example"])
    sandbox.add_samples(site.pk, devices)
    audience = Audience.objects.create(site=site)
    campaign = Campaign.objects.create(site=site, name="Bench", audience=audience)
    Message.objects.create(campaign=campaign, title="Winter layers", url="https://shop.example/")
    return starting.start(campaign)


def naive(run: Run, count: int) -> None:
    """What one would write first: the same message, one after the other."""
    from py_vapid import Vapid02
    from pywebpush import webpush

    from campaigns import payload
    from subscribers.models import Subscription
    from subscribers.transports.keys import encode_base64url

    data = payload.payload(run.message, run.campaign.site, token="t" * 43, tag="t" * 32)
    for device in Subscription.objects.active().select_related("vapid_key")[:count]:
        address = device.address()
        webpush(
            {
                "endpoint": address.url,
                "keys": {
                    "p256dh": encode_base64url(address.p256dh),
                    "auth": encode_base64url(address.auth),
                },
            },
            data,
            vapid_private_key=Vapid02.from_raw(
                encode_base64url(address.vapid.private_key).encode()
            ),
            vapid_claims={"sub": "mailto:push@beckon.example"},
            ttl=3600,
            timeout=10,
        )


def measured(act: Callable[[], object]) -> tuple[float, float]:
    """Seconds by the clock, and of this process's CPU."""
    wall, cpu = time.perf_counter(), time.process_time()
    act()
    return time.perf_counter() - wall, time.process_time() - cpu


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:2]))
