"""`manage.py up` as an operator sees it: real processes, ports, signals and sentences."""

import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.embedded import processes, unprivileged
from tests.running import PATIENCE, PORTS, ROOT, Up, environment, free_ports

pytestmark = pytest.mark.xdist_group("up")


def family_of(var_dir: str) -> dict[int, str]:
    """All processes that were started with this VAR_DIR or serve its data, by process id."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            text = (folder / "environ").read_bytes() + (folder / "cmdline").read_bytes()
            name = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if var_dir.encode() in text and processes.process_state(int(folder.name)) != "Z":
            found[int(folder.name)] = name
    found.pop(os.getpid(), None)
    return found


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """A first start with everything, in a private directory with a space in its name."""
    home = tmp_path_factory.mktemp("home")
    home.chmod(0o700)
    up = Up(environment(home / "my var", **free_ports()))
    up.wait_for("First sign-in")
    yield up
    up.stop()


def sentence(env: dict[str, str], *arguments: str) -> str:
    """What a start that must fail says; its status must be 1, and there must be no traceback."""
    done = subprocess.run(
        [sys.executable, "manage.py", "up", *arguments],
        cwd=ROOT,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    return done.stderr.strip()


def test_a_first_start_prints_addresses_that_answer(up: Up) -> None:
    text = "\n".join(up.said)
    for port, path in zip(PORTS, ("/healthz", "/", "/", "/"), strict=True):
        assert f"http://127.0.0.1:{up.env[port]}" in text
        assert up.get(port, path) == 200
    link = re.search(r"/signin/\S+", text)
    assert link is not None
    assert up.get("WEB_PORT", link[0]) == 200
    assert len(text.splitlines()) < 11


def test_what_is_secret_is_closed_to_others(up: Up) -> None:
    var_dir = Path(up.env["VAR_DIR"])
    for name in (".", "run", "log", "postgres", "valkey"):
        assert stat.S_IMODE((var_dir / name).stat().st_mode) == 0o700, name
    for name in ("secret_key", "encryption_keys"):
        assert stat.S_IMODE((var_dir / name).stat().st_mode) == 0o600, name


def test_a_second_start_on_the_same_data_is_refused(up: Up) -> None:
    said = sentence(up.env)
    assert f"Beckon already runs on {up.env['VAR_DIR']} (process {up.process.pid})." in said


def test_a_taken_port_is_named_with_its_setting(up: Up, tmp_path: Path) -> None:
    env = environment(tmp_path / "var", **free_ports())
    env["SHOP_PORT"] = up.env["WEB_PORT"]
    taken = f"Port {env['SHOP_PORT']} is taken. Stop what uses it or set SHOP_PORT."
    assert taken in sentence(env)


def test_one_role_joins_a_running_installation(up: Up) -> None:
    worker = Up(up.env, "--only", "worker")
    worker.wait_for("worker is ready")
    assert worker.stop() == 0
    assert up.get("WEB_PORT", "/healthz") == 200


def test_what_dies_is_started_again(up: Up) -> None:
    running = family_of(up.env["VAR_DIR"])
    ticker = next(pid for pid, name in running.items() if "manage.py ticker" in name)
    os.kill(ticker, signal.SIGKILL)
    up.wait_for("ticker was ended by SIGKILL; starting it again in 1 s.")
    postmaster = Path(up.env["VAR_DIR"], "postgres", "postmaster.pid").read_text().split()[0]
    os.kill(int(postmaster), signal.SIGKILL)
    up.wait_for("postgres stopped; starting it again.")
    assert processes.wait_for(lambda: up.get("WEB_PORT", "/healthz") == 200, 30, pause=0.2)
    assert processes.wait_for(
        lambda: any("manage.py ticker" in name for name in family_of(up.env["VAR_DIR"]).values()),
        10,
    )


def test_ctrl_c_stops_everything_and_leaves_nothing(up: Up) -> None:
    assert up.stop() == 0
    assert family_of(up.env["VAR_DIR"]) == {}
    assert {up.get(port, "/") for port in PORTS} == {0}


def test_a_kill_of_the_supervisor_leaves_nothing_and_blocks_nothing(up: Up) -> None:
    up.stop()
    started = time.monotonic()
    again = Up(up.env, "--no-demo")
    again.wait_for("Beckon is ready")
    again.wait_for("http://")
    sys.stdout.write(f"A second start took {time.monotonic() - started:.1f} s.\n")
    assert again.get("SHOP_PORT", "/") == 0
    assert again.stop(signal.SIGKILL) == -signal.SIGKILL
    assert processes.wait_for(lambda: not family_of(up.env["VAR_DIR"]), 30, pause=0.2)
    third = Up(up.env, "--only", "web")
    third.wait_for("web is ready")
    assert third.stop(signal.SIGTERM) == 0
    assert family_of(up.env["VAR_DIR"]) == {}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"WEB_PORT": "eighty"}, "WEB_PORT must be a port from 1 to 65535, not 'eighty'."),
        ({"SHOP_PORT": "8000"}, "WEB_PORT and SHOP_PORT are both 8000. Change one."),
        ({"BIND_ADDRESS": "192.0.2.7"}, "192.0.2.7 is not an address of this machine."),
        ({"PUBLIC_URL": "push.example.com"}, "PUBLIC_URL must be an origin"),
        ({"DATABASE_URL": "sqlite:///db"}, "DATABASE_URL must begin with postgresql://"),
        (
            {"DATABASE_URL": "postgresql://127.0.0.1:1/x", "REDIS_URL": "redis://127.0.0.1:1"},
            "The database does not answer: connection failed",
        ),
        ({"SECRET_KEY": "short"}, "beckon.E002"),
        ({"VAR_DIR": "/dev/null"}, "VAR_DIR /dev/null is a file. It must be a directory."),
    ],
)
def test_a_wrong_setting_is_one_clear_sentence(
    tmp_path: Path, changes: dict[str, str], words: str
) -> None:
    assert words in sentence(environment(tmp_path / "var") | changes)
    assert family_of(str(tmp_path / "var")) == {}


def test_an_empty_secret_is_one_clear_sentence(tmp_path: Path) -> None:
    (tmp_path / "secret_key").touch()
    assert "secret_key is damaged. Put the file from your backup back" in sentence(
        environment(tmp_path)
    )


def test_an_ordinary_user_can_run_it(request: pytest.FixtureRequest) -> None:
    if os.geteuid() != 0:
        pytest.skip("every other test of this file ran as one")
    python = open_python()
    if python is None:
        pytest.skip("this Python or its packages are closed to other users")
    home = Path(tempfile.mkdtemp(prefix="beckon-home-"))
    request.addfinalizer(lambda: shutil.rmtree(home))
    nobody = unprivileged.nobody()
    os.chown(home, nobody, -1)
    packages = ":".join(path for path in sys.path if "site-packages" in path)
    env = environment(home / "var", **free_ports(), HOME=str(home), PYTHONPATH=packages)
    env = {name: value for name, value in env.items() if not name.startswith("COV")}
    command = ("setpriv", f"--reuid={nobody}", "--clear-groups", "--bounding-set=-all", python)
    up = Up(env, "--only", "web", command=command)
    up.wait_for("web is ready")
    assert up.get("WEB_PORT", "/healthz") == 200
    assert {path.stat().st_uid for path in (home / "var").rglob("*")} == {nobody}
    assert up.stop() == 0
    assert family_of(str(home)) == {}


def open_python() -> str | None:
    """An interpreter of this version that any user may run with our packages."""
    python = Path(sys.executable).resolve()
    places = (python, Path(pytest.__file__), ROOT / "manage.py")
    return str(python) if all(is_open(place) for place in places) else None


def is_open(path: Path) -> bool:
    return all(parent.stat().st_mode & 0o001 for parent in path.resolve().parents)
