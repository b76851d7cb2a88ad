"""The embedded PostgreSQL and Valkey: they start, survive, refuse, and touch nothing else."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from config import embedded
from config.embedded import StartError, places, postgres, processes, unprivileged, valkey
from config.embedded.postgres import Postgres
from config.embedded.valkey import Valkey

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A private home, as root's is."""
    path = tmp_path_factory.mktemp("home") / "a b"
    path.mkdir(mode=0o700)
    return path


@pytest.fixture(scope="module")
def cluster(home: Path) -> Postgres:
    """A cluster that has been made, started and stopped."""
    server = make(home / "var")
    server.start()
    server.stop()
    return server


@pytest.fixture
def server(cluster: Postgres) -> Iterator[Postgres]:
    server = Postgres(cluster.var_dir, durable=False)
    yield server
    server.stop()


def make(var_dir: Path) -> Postgres:
    var_dir.mkdir(mode=0o700)
    return Postgres(var_dir, durable=False)


def modes(*tops: Path) -> dict[str, tuple[int, int, int]]:
    """Mode, owner and group of these directories' parents and contents."""
    paths = {parent for top in tops for parent in (top, *top.parents)}
    paths |= {path for top in tops for path in top.rglob("*")}
    found = {}
    for path in paths:
        status = path.lstat()
        found[str(path)] = (stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid)
    return found


def ask(url: str, statement: str) -> str:
    with psycopg.connect(url) as connection:
        row = connection.execute(statement.encode()).fetchone()
        assert row is not None
        return str(row[0])


def test_postgres_starts_as_an_ordinary_role_on_a_socket_alone(server: Postgres) -> None:
    server.start()
    url = embedded.database_url(server.var_dir)
    assert ask(url, "SELECT current_user") == "beckon"
    assert ask(url, "SELECT usesuper FROM pg_user WHERE usename = 'beckon'") == "False"
    assert ask(url, "SHOW listen_addresses") == ""
    assert ask(url, "SHOW server_encoding") == "UTF8"
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url.replace("beckon@", "postgres@"))


def test_its_log_keeps_no_data(server: Postgres) -> None:
    server.start()
    url = embedded.database_url(server.var_dir)
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = psycopg.ClientCursor(connection)
        cursor.execute("CREATE TEMP TABLE addresses (a text PRIMARY KEY, b int NOT NULL)")
        for b in (1, 1, None):
            try:
                cursor.execute("INSERT INTO addresses VALUES (%s, %s)", ["canary-endpoint", b])
            except psycopg.IntegrityError as error:
                assert "canary" in str(error)
    log = server.log.read_text()
    assert "duplicate key" in log
    assert "canary" not in log


def test_nothing_outside_var_changes_its_mode_or_owner(home: Path) -> None:
    program = postgres.binary("postgres")
    package = program.parent.parent.parent
    before = modes(package, home)
    server = make(home / "other")
    try:
        server.start()
        valkey_server = Valkey(server.var_dir)
        valkey_server.start()
        valkey_server.stop()
    finally:
        server.stop()
    after = modes(package, home)
    assert {path: after[path] for path in before} == before
    assert stat.S_IMODE(server.var_dir.stat().st_mode) == 0o700


def test_what_was_committed_is_there_after_kill_9(cluster: Postgres) -> None:
    server = Postgres(cluster.var_dir)
    server.start()
    url = embedded.database_url(server.var_dir)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept AS SELECT 7 AS n")
    assert server.process is not None
    server.process.kill()
    server.process.wait()
    again = Postgres(server.var_dir, durable=False)
    assert processes.wait_for(lambda: not server.has_processes(), 10)
    again.start()
    assert ask(url, "SELECT n FROM kept") == "7"
    again.stop()


def test_a_server_that_outlived_its_supervisor_is_stopped_first(server: Postgres) -> None:
    server.start()
    again = Postgres(server.var_dir, durable=False)
    again.start()
    assert not server.is_running()
    assert ask(embedded.database_url(server.var_dir), "SELECT 1") == "1"
    again.stop()


def test_a_process_id_that_is_now_another_process_does_not_block_the_start(
    server: Postgres,
) -> None:
    pid_file = server.data_dir / "postmaster.pid"
    sleeper = subprocess.Popen(["sleep", "60"])
    try:
        pid_file.write_text(f"{sleeper.pid}\n{server.data_dir}\n0\n5432\n\n\n\n")
        unprivileged.account_for(server.data_dir).own(pid_file)
        server.start()
        assert server.is_running()
    finally:
        sleeper.kill()
        sleeper.wait()


def test_half_a_cluster_is_made_again(tmp_path: Path) -> None:
    server = make(tmp_path / "var")
    (server.var_dir / "postgres.new" / "base").mkdir(parents=True)
    server.start()
    server.stop()
    assert not (server.var_dir / "postgres.new").exists()


def test_a_directory_without_data_is_refused(tmp_path: Path) -> None:
    server = make(tmp_path / "var")
    server.data_dir.mkdir()
    with pytest.raises(StartError, match="holds no PostgreSQL data"):
        server.start()


def test_another_major_version_is_refused(tmp_path: Path) -> None:
    server = make(tmp_path / "var")
    server.data_dir.mkdir()
    (server.data_dir / "PG_VERSION").write_text("17\n")
    with pytest.raises(StartError, match=r"made by PostgreSQL 17.*brings PostgreSQL 18"):
        server.start()


def test_damaged_data_are_an_error_with_the_last_lines(tmp_path: Path) -> None:
    server = make(tmp_path / "var")
    server.data_dir.mkdir(mode=0o700)
    (server.data_dir / "PG_VERSION").write_text("18\n")
    with pytest.raises(StartError, match="PostgreSQL does not start:\n"):
        server.start()


def test_data_that_cannot_be_made_are_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "binary", lambda name: Path("/bin/false"))
    with pytest.raises(StartError, match="can't be made"):
        make(tmp_path / "var").start()


def test_a_slow_start_is_an_error(server: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Postgres, "is_ready", lambda self: False)
    with pytest.raises(StartError, match="did not start within 0 s"):
        server.start(seconds=0)
    assert not server.is_running()


def test_memory_decides_the_buffers() -> None:
    gibibyte = 1024**3
    buffers = [
        postgres.tuning(memory, durable=True)["shared_buffers"]
        for memory in (gibibyte // 4, 4 * gibibyte, 64 * gibibyte)
    ]
    assert buffers == ["128MB", "512MB", "1024MB"]
    assert "fsync" not in postgres.tuning(gibibyte, durable=True)
    assert postgres.memory_bytes() > 0


def test_valkey_keeps_its_data_over_kill_9(tmp_path: Path) -> None:
    server = Valkey(tmp_path)
    server.start()
    client = redis.Redis.from_url(embedded.redis_url(tmp_path, number=3))
    client.set("kept", "7")
    assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
    appended = tmp_path / "valkey"
    assert processes.wait_for(lambda: b"kept" in contents(appended), 5)
    assert server.process is not None
    server.process.kill()
    server.process.wait()
    again = Valkey(tmp_path)
    again.start()
    assert client.get("kept") == b"7"
    client.close()
    third = Valkey(tmp_path)
    third.start()
    assert not again.is_running()
    third.stop()


def test_a_damaged_valkey_file_is_set_aside(tmp_path: Path) -> None:
    server = Valkey(tmp_path)
    server.start()
    server.stop()
    (manifest,) = (tmp_path / "valkey").rglob("*.manifest")
    manifest.write_text("nonsense\n")
    again = Valkey(tmp_path)
    again.start()
    again.stop()
    assert (tmp_path / "valkey.damaged").exists()


def contents(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_valkey_that_does_not_start_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(valkey, "server", lambda: "/bin/false")
    with pytest.raises(StartError, match="Valkey does not start"):
        Valkey(tmp_path).start()


def test_valkey_that_never_answers_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(valkey, "answers", lambda path: False)
    server = Valkey(tmp_path)
    with pytest.raises(StartError, match="did not start within 0 s"):
        server.start(seconds=0)
    assert not server.is_running()


def test_another_redis_is_used_where_the_wheel_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr("shutil.which", {"redis-server": "/usr/bin/redis-server"}.get)
    assert valkey.server() == "/usr/bin/redis-server"
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(StartError, match="set REDIS_URL"):
        valkey.server()
    with pytest.raises(StartError, match="set DATABASE_URL"):
        postgres.binary("postgres")


def test_sockets_of_a_deep_var_dir_are_elsewhere_and_everybody_knows_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    runtime = Path(tempfile.mkdtemp(prefix="beckon-run-"))
    request.addfinalizer(lambda: shutil.rmtree(runtime))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    deep = tmp_path.joinpath("deep" * 20, "deeper" * 5)
    deep.mkdir(parents=True, mode=0o700)
    short = places.far_socket_dir(deep)
    assert places.socket_dir(deep) == short
    assert places.claim_socket_dir(deep) == short
    assert short.parent == runtime
    assert stat.S_IMODE(short.stat().st_mode) == 0o700
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    assert places.socket_dir(deep) == short
    monkeypatch.setattr(places, "SOCKET_PATH_LIMIT", 10)
    with pytest.raises(StartError, match="Choose a shorter VAR_DIR"):
        places.far_socket_dir(deep)


def test_sockets_are_not_looked_for_in_a_strangers_directory(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can make a stranger's directory")
    deep = tmp_path.joinpath("deep" * 20, "deeper" * 5)
    deep.mkdir(parents=True, mode=0o700)
    place = places.claim_socket_dir(deep)
    os.chown(place, unprivileged.nobody(), -1)
    try:
        with pytest.raises(StartError, match="belongs to somebody else"):
            places.socket_dir(deep)
        with pytest.raises(StartError, match="with mode 0700"):
            places.claim_socket_dir(deep)
    finally:
        place.rmdir()


def test_an_open_or_impossible_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir(mode=0o755)
    with pytest.raises(StartError, match="with mode 0700"):
        places.private_dir(tmp_path / "open")
    (tmp_path / "file").touch()
    with pytest.raises(StartError, match="can't be created"):
        places.private_dir(tmp_path / "file" / "run")


def test_root_hands_postgres_to_another_user(monkeypatch: pytest.MonkeyPatch) -> None:
    account = unprivileged.Account(65534, 65534, "nobody")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert account.prefix() == []
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr(processes, "setpriv_path", lambda: "/usr/bin/setpriv")
    monkeypatch.setattr(unprivileged, "holds", lambda bit: bit == 1)
    assert "--ambient-caps=-all,+dac_override" in account.prefix()
    assert account.prefix("INT")[-1] == "--pdeathsig=INT"
    monkeypatch.setattr(unprivileged, "holds", lambda bit: False)
    with pytest.raises(StartError, match="can't run as root on this system"):
        account.prefix()


def test_a_user_without_a_name_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 4_000_000)
    with pytest.raises(StartError, match="user id 4000000 has none"):
        unprivileged.account_for(tmp_path)

    def nobody(name: str) -> None:
        raise KeyError(name)

    monkeypatch.setattr("pwd.getpwnam", nobody)
    with pytest.raises(StartError, match="without a user nobody"):
        unprivileged.nobody()


def test_a_child_dies_with_its_parent(tmp_path: Path) -> None:
    if not processes.LINUX:
        pytest.skip("only Linux tells children of their parent's death")
    code = (
        "import sys, time; from pathlib import Path; from config.embedded import processes;"
        f"child = processes.spawn(['sleep', '60'], log=Path({str(tmp_path / 'log')!r}));"
        "sys.stdout.write(f'{child.pid}\\n'); sys.stdout.flush(); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE)
    with parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert processes.is_alive(child)
        parent.kill()
    assert processes.wait_for(lambda: not processes.is_alive(child), 5)


def test_a_system_without_setpriv_starts_children_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert processes.setpriv_path.__wrapped__() is None
    monkeypatch.setattr("shutil.which", lambda name: "/bin/true")
    assert processes.setpriv_path.__wrapped__() is None
    monkeypatch.setattr(processes, "setpriv_path", lambda: None)
    child = processes.spawn(["echo", "hello"], log=tmp_path / "log")
    assert child.wait(10) == 0
    assert processes.last_lines(tmp_path / "log") == "hello"


def test_a_stubborn_child_is_killed(tmp_path: Path) -> None:
    log = tmp_path / "log"
    command = ["sh", "-c", "trap '' TERM; echo ready; while true; do sleep 0.1; done"]
    child = processes.spawn(command, log=log)
    assert processes.wait_for(lambda: processes.last_lines(log) == "ready", 5)
    started = time.monotonic()
    processes.stop(child, signal.SIGTERM, 0.2)
    assert child.returncode == -signal.SIGKILL
    assert time.monotonic() - started < 5
    processes.kill_group(child.pid)
    assert not processes.is_alive(child.pid)
    assert processes.last_lines(tmp_path / "none") == ""
