"""The parts of `manage.py up`, each alone: secrets, ports, children, the first owner."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command
from django.db import connection
from pytest_django import Settings

from accounts.models import User
from config.embedded import StartError, processes
from config.supervisor import child, family, owner, preflight, roles, schema, secrets
from config.supervisor.child import Child
from config.supervisor.preflight import Lock, Port
from config.supervisor.roles import Role


def test_secrets_are_made_once_and_kept(tmp_path: Path) -> None:
    var_dir = tmp_path / "var"
    environ = {"VAR_DIR": str(var_dir)}
    secrets.prepare(environ)
    before = {path.name: path.read_bytes() for path in var_dir.iterdir() if path.is_file()}
    assert set(before) == {"secret_key", "encryption_keys"}
    Fernet(before["encryption_keys"].strip())
    secrets.prepare(environ)
    assert before == {path.name: path.read_bytes() for path in var_dir.iterdir() if path.is_file()}
    assert secrets.keep(var_dir / "secret_key", "another") == before["secret_key"].decode().strip()


def test_secrets_from_the_environment_are_not_written(tmp_path: Path) -> None:
    environ = {"VAR_DIR": str(tmp_path), "SECRET_KEY": "x", "ENCRYPTION_KEYS_FILE": "/run/x"}
    secrets.prepare(environ)
    assert [path.name for path in tmp_path.iterdir()] == ["static"]


def test_two_first_starts_agree_on_one_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "secret_key"
    path.write_text("theirs\n")
    monkeypatch.setattr(Path, "exists", lambda self: False)
    assert secrets.keep(path, "ours") == "theirs"
    assert [entry.name for entry in tmp_path.iterdir()] == ["secret_key"]


@pytest.mark.parametrize("name", ["secret_key", "encryption_keys"])
@pytest.mark.parametrize("content", [b"", b"half\n", b"\xff\xfe"])
def test_damaged_secrets_are_refused(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(StartError, match=rf"{name} (is damaged|can't be read)"):
        secrets.prepare({"VAR_DIR": str(tmp_path)})


def test_a_var_dir_that_cannot_be_used_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StartError, match="can't be created: Not a directory"):
        secrets.make_var_dir(tmp_path / "file" / "var")
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with pytest.raises(StartError, match="can't be written"):
        secrets.make_var_dir(tmp_path / "var")


def test_ports_that_cannot_be_used_are_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        number = server.getsockname()[1]
        with pytest.raises(StartError, match=f"Port {number} is taken.*set PUSH_PORT"):
            preflight.check_ports("127.0.0.1", [Port("PUSH_PORT", number)])
    preflight.check_ports("127.0.0.1", [Port("PUSH_PORT", number)])
    with pytest.raises(StartError, match="not an address of this machine"):
        preflight.check_ports("no-such-host.invalid", [Port("WEB_PORT", number)])
    for error, words in [
        (PermissionError(13, "Permission denied"), "needs more rights. Set WEB_PORT to 1024"),
        (OSError(105, "No buffer space available"), "can't be used: No buffer space"),
    ]:
        assert words in preflight.why_not(error, "127.0.0.1", Port("WEB_PORT", 80))


def test_a_lock_belongs_to_one(tmp_path: Path) -> None:
    first, second = Lock(tmp_path), Lock(tmp_path)
    assert first.take()
    assert not second.take()
    assert second.holder() == str(os.getpid())
    first.file.close()
    assert second.take()
    second.file.close()


@pytest.mark.django_db
def test_an_old_database_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    preflight.check_database()
    monkeypatch.setattr(preflight, "LEAST_POSTGRES", 99)
    with pytest.raises(StartError, match="Beckon needs 99 or newer"):
        preflight.check_database()


def test_a_queue_that_does_not_answer_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    preflight.check_queue()

    class Deaf:
        def ping(self) -> None:
            raise ConnectionRefusedError

    monkeypatch.setattr("django_rq.get_connection", lambda name: Deaf())
    with pytest.raises(StartError, match="does not answer: ConnectionRefusedError"):
        preflight.check_queue()


@pytest.mark.django_db
def test_a_database_that_is_up_to_date_is_not_migrated(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    monkeypatch.setattr(schema, "call_command", lambda name, **options: calls.append(name))
    schema.migrate()
    assert calls == []
    with connection.cursor() as cursor:
        # Those of this database: other processes of the suite hold locks of their own.
        cursor.execute(
            "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database"
            " WHERE locktype = 'advisory' AND datname = current_database()"
        )
        assert cursor.fetchone() == (0,)
    monkeypatch.setattr("django.db.migrations.executor.MigrationExecutor.migration_plan", list_one)
    schema.migrate()
    assert calls == ["migrate"]


@pytest.mark.django_db(transaction=True)
def test_indexes_are_made_while_other_machines_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """CREATE INDEX CONCURRENTLY waits for every statement that runs: none may wait for us."""
    asked: list[str] = []
    with ThreadPoolExecutor(1) as pool:

        def migrate(name: str, **options: object) -> None:
            asked.append(name)
            if len(asked) == 1:
                waiting.append(pool.submit(other))
                while not others_asked():
                    assert not waiting[0].done(), waiting[0].result()
                with connection.cursor() as cursor:
                    cursor.execute("CREATE INDEX CONCURRENTLY made ON accounts_site (name)")
                    cursor.execute("DROP INDEX made")

        def other() -> None:
            try:
                schema.migrate()
            finally:
                connection.close()

        waiting: list[Future[None]] = []
        monkeypatch.setattr(schema, "call_command", migrate)
        plan = "django.db.migrations.executor.MigrationExecutor.migration_plan"
        monkeypatch.setattr(plan, list_one)
        schema.migrate()
        waiting[0].result()
    assert asked == ["migrate", "migrate"]


def others_asked() -> bool:
    """Whether another session has asked for a lock of the kind."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE query LIKE '%advisory_lock%' AND pid <> pg_backend_pid()"
        )
        return bool(cursor.fetchone()[0])


def list_one(executor: object, targets: object) -> list[str]:
    return ["one"]


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A terminal whose person types these lines."""
    typed: list[str] = []
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda prompt: typed.pop(0))
    monkeypatch.setattr("getpass.getpass", lambda prompt: typed.pop(0))
    yield typed
    assert typed == []


@pytest.mark.django_db
def test_the_first_owner_is_asked_for_on_a_terminal(terminal: list[str]) -> None:
    good = "correct horse battery"
    terminal += ["alice", good, good, "alice@example.com", good, "other"]
    terminal += ["alice@example.com", "short", "short", "alice@example.com", good, good]
    said: list[str] = []
    assert owner.ask_or_link(said.append) is None
    alice = User.objects.get()
    assert alice.email == "alice@example.com"
    assert alice.check_password(good)
    assert "Write an e-mail address" in said[1]
    assert said[2] == "The two passwords differ."
    assert "too short" in said[3]
    assert owner.ask_or_link(said.append) is None
    assert len(said) == 4


@pytest.mark.django_db
def test_a_person_on_a_terminal_can_have_a_link_instead(terminal: list[str]) -> None:
    terminal.append("")
    said: list[str] = []
    link = owner.ask_or_link(said.append)
    assert link is not None
    assert link.startswith("/signin/")
    assert not User.objects.exists()


def test_each_machine_runs_its_roles(settings: Settings) -> None:
    settings.WORKERS = 2
    everything = ["web", "ticker", "worker 1", "worker 2", "demo shop", "push service"]
    everything.append("app service")
    names = [role.name for role in roles.chosen_roles(None, demo=True)]
    assert names == everything
    assert [role.name for role in roles.chosen_roles(None, demo=False)] == everything[:4]
    assert [role.name for role in roles.chosen_roles("worker", demo=True)] == everything[2:4]
    assert [role.name for role in roles.chosen_roles("ticker", demo=True)] == ["ticker"]
    assert roles.chosen_ports("worker", demo=True) == []
    assert [port.setting for port in roles.chosen_ports("web", demo=True)] == ["WEB_PORT"]
    assert len(roles.chosen_ports(None, demo=True)) == 4


def test_the_demo_shop_vouches_for_customers_on_this_machine_alone(settings: Settings) -> None:
    settings.BIND_ADDRESS = "127.0.0.1"
    assert "--token-secret-file" in roles.shop().command
    settings.BIND_ADDRESS = "0.0.0.0"  # noqa: S104
    assert "--token-secret-file" not in roles.shop().command


def test_addresses_of_this_machine(settings: Settings) -> None:
    settings.SHOP_PORT, settings.PUSH_PORT, settings.APPS_PORT = 8001, 8002, 8003
    settings.BIND_ADDRESS = "0.0.0.0"  # noqa: S104
    assert roles.shop_url() == "http://127.0.0.1:8001"
    assert roles.sandbox_origins() == [
        *("http://127.0.0.1:8002", "http://localhost:8002"),
        *("https://127.0.0.1:8003", "https://localhost:8003"),
    ]
    settings.BIND_ADDRESS = "::1"
    assert roles.push_url() == "http://[::1]:8002"
    assert roles.stand_ins()["APNS_ORIGIN"] == "https://[::1]:8003"


def test_the_sandboxes_never_listen_to_the_network(settings: Settings) -> None:
    settings.BIND_ADDRESS = "192.0.2.7"
    for command in (roles.push_service().command, roles.app_service().command):
        assert command[command.index("--bind") + 1] == "127.0.0.1"


def tend_until(kid: Child, words: str) -> str:
    found: list[str] = []
    assert processes.wait_for(lambda: words in "".join(found[-1:]) or add(found, kid.tend()), 10)
    return found[-1]


def add(found: list[str], line: str) -> bool:
    found.append(line)
    return False


def test_a_child_that_keeps_failing_is_hopeless(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "LONGEST_PAUSE", 0)
    kid = Child(Role("some role", ["sh", "-c", "echo no luck; exit 3"]), tmp_path, {})
    assert not kid.is_running
    kid.ask_to_stop()
    kid.kill()
    for failure in range(1, 6):
        assert not kid.is_hopeless
        line = tend_until(kid, "ended with status 3; starting it again in 0 s.")
        assert line.startswith("some role")
        assert kid.failures == failure
    assert kid.is_hopeless
    assert processes.last_lines(tmp_path / "some_role.log", 2) == "no luck\nno luck"


def test_a_child_that_ran_well_starts_with_new_patience(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "SETTLED_SECONDS", -1)
    kid = Child(Role("role", ["sleep", "60"]), tmp_path, {})
    kid.failures = 4
    kid.start()
    assert kid.is_ready
    kid.ask_to_stop()
    assert "was ended by SIGTERM" in tend_until(kid, "role")
    assert kid.failures == 1


def test_a_long_log_is_kept_once_and_emptied(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    log.write_bytes(b"x" * child.LOG_BYTES)
    child.rotate(log)
    assert log.stat().st_size == child.LOG_BYTES
    with log.open("ab") as writer:
        writer.write(b"y")
        writer.flush()
        child.rotate(log)
        writer.write(b"new")
    assert log.read_bytes() == b"new"
    assert (tmp_path / "web.log.1").stat().st_size == child.LOG_BYTES + 1
    child.rotate(tmp_path / "none.log")


FAMILY = """
import subprocess, sys
from config.supervisor.family import Family, children
family = Family()
subprocess.run(["sh", "-c", "sleep 60 & (exit 0) &"])
assert len(family.members()) >= 1, family.members()
family.bury(set())
family.end()
sys.exit(len(children()))
"""


def test_no_descendant_is_left(tmp_path: Path) -> None:
    if not processes.LINUX:
        pytest.skip("only Linux tells who descends from whom")
    done = subprocess.run([sys.executable, "-c", FAMILY], cwd=Path(__file__).parent.parent)
    assert done.returncode == 0
    family.reap(os.getpid())


def test_errors_of_the_checks_end_up(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.SECRET_KEY = "short"
    with pytest.raises(CommandError, match="does not start with these errors"):
        call_command("up")
    said = capsys.readouterr().err
    assert "beckon.E002: SECRET_KEY is shorter" in said
