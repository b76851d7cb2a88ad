"""What must hold before anything starts; each failure is one sentence that says what to do."""

import errno
import fcntl
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from config.embedded import StartError

LEAST_POSTGRES: Final = 15


@dataclass(frozen=True)
class Port:
    """A TCP port that one of our processes will listen on, and the setting it comes from."""

    setting: str
    number: int


def check_ports(address: str, ports: Sequence[Port]) -> None:
    """Refuse ports that are equal, taken, or not ours to use."""
    by_number: dict[int, str] = {}
    for port in ports:
        if other := by_number.get(port.number):
            raise StartError(f"{other} and {port.setting} are both {port.number}. Change one.")
        by_number[port.number] = port.setting
        check_port(address, port)


def check_port(address: str, port: Port) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as probe:
        # As the servers do: connections that linger from our last run are no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port.number))
        except OSError as error:
            raise StartError(why_not(error, address, port)) from error


def why_not(error: OSError, address: str, port: Port) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port.number} is taken. Stop what uses it or set {port.setting}."
    if error.errno == errno.EACCES:
        return f"Port {port.number} needs more rights. Set {port.setting} to 1024 or more."
    if error.errno == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror):
        return f"BIND_ADDRESS {address} is not an address of this machine."
    return f"Port {port.number} can't be used: {error.strerror}."


class Lock:
    """The right to run the embedded servers of one VAR_DIR, freed by the kernel when we end."""

    def __init__(self, var_dir: Path) -> None:
        self.path = var_dir / "lock"
        self.file = self.path.open("a+")

    def take(self) -> bool:
        """False when another process has it."""
        try:
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        self.file.truncate(0)
        self.file.write(f"{os.getpid()}\n")
        self.file.flush()
        return True

    def holder(self) -> str:
        """The process id of the one who has it."""
        self.file.seek(0)
        return self.file.read().strip()


def check_database() -> None:
    """Refuse a database that does not answer or is too old."""
    from django.db import OperationalError, connection

    try:
        connection.ensure_connection()
    except OperationalError as error:
        raise StartError(f"The database does not answer: {first_line(error)}") from error
    version = connection.connection.info.server_version // 10_000
    if version < LEAST_POSTGRES:
        raise StartError(
            f"The database is PostgreSQL {version}. Beckon needs {LEAST_POSTGRES} or newer."
        )


def check_queue() -> None:
    """Refuse a Redis that does not answer."""
    import django_rq
    from redis.exceptions import RedisError

    try:
        django_rq.get_connection("default").ping()
    except (RedisError, OSError) as error:
        raise StartError(f"The queue (REDIS_URL) does not answer: {first_line(error)}") from error


def first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
