"""Loaded before everything else (-p tests.services): the servers and settings of the suite.

A helper process holds an embedded PostgreSQL and Valkey in a temporary directory, unless
DATABASE_URL and REDIS_URL name others. It ends with us, however we end: its standard input is a
pipe that closes then. Settings come from here alone, so that a developer's environment can't
change what is tested. Each process of pytest-xdist has a Redis database and a VAR_DIR of its own.

Browser tests (marked firefox or chromium) are skipped where the browser is missing, and named at
the end. REQUIRE_BROWSERS=1 makes a missing one a failure.
"""

import base64
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
WORKER = "PYTEST_XDIST_WORKER"
BROWSERS = {
    "firefox": ("firefox-esr", "firefox"),
    "chromium": ("chromium", "chromium-browser", "google-chrome"),
}
OWN_SETTINGS = {
    "ALLOWED_HOSTS": "",
    "BIND_ADDRESS": "127.0.0.1",
    "DEBUG": "false",
    "ENCRYPTION_KEYS": base64.urlsafe_b64encode(bytes(range(32))).decode(),
    "EXTRA_PUSH_ORIGINS": "",
    "PUBLIC_URL": "",
    "SECRET_KEY": "only-for-tests-" + "0123456789" * 5,
    "TRUSTED_PROXIES": "0",
}
not_run: dict[str, str] = {}


class Services:
    """The helper process with the two servers."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="beckon-tests-"))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.services", str(self.folder)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        assert self.process.stdout is not None
        answer = self.process.stdout.readline()
        if not answer:
            raise pytest.UsageError("The servers for the tests did not start, see above.")
        self.environment: dict[str, str] = json.loads(answer)

    def stop(self) -> None:
        self.process.communicate()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None, None, None]:
    """Before pytest-django reads the settings: the environment that they come from."""
    if WORKER not in os.environ:
        services = Services()
        early_config.add_cleanup(services.stop)
        os.environ.update(OWN_SETTINGS | services.environment)
    os.environ["REDIS_URL"] = own_database(os.environ["REDIS_URL"])
    os.environ["VAR_DIR"] = own_folder(os.environ["VAR_DIR"])
    yield


def own_database(redis_url: str) -> str:
    """The same Redis with a database number for this process: 0 alone, else 1 and up."""
    number = 1 + int(os.environ[WORKER].removeprefix("gw")) if WORKER in os.environ else 0
    if redis_url.startswith("unix:"):
        return f"{redis_url.partition('?')[0]}?db={number}"
    server = re.match(r"rediss?://[^/]*", redis_url)
    if server is None:
        raise pytest.UsageError("REDIS_URL must begin with redis://, rediss:// or unix://.")
    return f"{server[0]}/{number}"


def own_folder(var_dir: str) -> str:
    """Another VAR_DIR for each process, as each has a PostgreSQL database of its own."""
    own = Path(var_dir, os.environ.get(WORKER, "alone"))
    (own / "static").mkdir(mode=0o700, parents=True, exist_ok=True)  # WhiteNoise warns without it
    return str(own)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs a browser that is not here."""
    for browser, programs in BROWSERS.items():
        if any(shutil.which(program) for program in programs):
            continue
        for item in items:
            if item.get_closest_marker(browser):
                item.add_marker(pytest.mark.skip(reason=f"{browser} is not installed"))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Remember each browser test that did not run."""
    if report.skipped and any(browser in report.keywords for browser in BROWSERS):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
        not_run[report.nodeid] = reason.removeprefix("Skipped: ")


def pytest_sessionfinish(session: pytest.Session) -> None:
    if not_run and os.environ.get("REQUIRE_BROWSERS") == "1" and WORKER not in os.environ:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for test, reason in sorted(not_run.items()):
        terminalreporter.write_line(f"not run: {test} ({reason})")
    if not_run and os.environ.get("REQUIRE_BROWSERS") == "1":
        terminalreporter.write_line(
            "REQUIRE_BROWSERS=1: each of these counts as a failure", red=True
        )


def serve(folder: Path) -> None:
    """Run what is missing, print the environment as one line of JSON, wait for the end of input."""
    from config import embedded
    from config.embedded.postgres import Postgres
    from config.embedded.valkey import Valkey

    for chosen in (signal.SIGINT, signal.SIGTERM):
        signal.signal(chosen, signal.SIG_IGN)
    servers: list[Postgres | Valkey] = []
    environment = {"VAR_DIR": str(folder / "var")}
    (folder / "var").mkdir(mode=0o700)
    if not os.environ.get("DATABASE_URL"):
        servers.append(Postgres(folder, durable=False))
        environment["DATABASE_URL"] = embedded.database_url(folder)
    if not os.environ.get("REDIS_URL"):
        servers.append(Valkey(folder, durable=False))
        environment["REDIS_URL"] = embedded.redis_url(folder)
    try:
        for server in servers:
            server.start()
        sys.stdout.write(json.dumps(environment) + "\n")
        sys.stdout.flush()
        sys.stdin.read()
    finally:
        for server in reversed(servers):
            server.stop()
        # Here, so that it goes even when pytest was killed.
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
