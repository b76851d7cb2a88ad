"""Where the embedded servers keep their data and their sockets."""

import hashlib
import os
import stat
import tempfile
from pathlib import Path
from urllib.parse import quote

# A unix socket's path holds 107 characters on Linux and 103 on macOS.
SOCKET_PATH_LIMIT = 103
POSTGRES_SOCKET = "pg/.s.PGSQL.5432"
VALKEY_SOCKET = "valkey.sock"
ROLE = "beckon"


class StartError(Exception):
    """Why something can't start, as one sentence for the operator."""


def database_url(var_dir: Path) -> str:
    """The address of the embedded PostgreSQL, as libpq and Django both read it."""
    return f"postgresql://{ROLE}@/{ROLE}?host={quote(str(socket_dir(var_dir) / 'pg'), safe='/')}"


def redis_url(var_dir: Path, *, number: int = 0) -> str:
    """The address of the embedded Valkey, database `number`."""
    return f"unix://{quote(str(socket_dir(var_dir) / VALKEY_SOCKET), safe='/')}?db={number}"


def socket_dir(var_dir: Path) -> Path:
    """The directory of both sockets: in VAR_DIR, or elsewhere when that path is too long.

    The place outside depends on the environment of the process that started the servers, so
    `claim_socket_dir` writes it down in VAR_DIR and every other process reads it there.
    """
    near = var_dir / "run"
    if fits(near):
        return near
    try:
        place = Path((var_dir / "socket_dir").read_text().strip())
        owner = place.lstat().st_uid
    except OSError:
        return far_socket_dir(var_dir)
    if owner != var_dir.stat().st_uid:
        raise StartError(f"{place} belongs to somebody else. Choose a shorter VAR_DIR.")
    return place


def claim_socket_dir(var_dir: Path) -> Path:
    """Make the directory for the sockets, for us alone, and write down where it is."""
    near = var_dir / "run"
    if fits(near):
        return private_dir(near)
    place = private_dir(far_socket_dir(var_dir))
    (var_dir / "socket_dir").write_text(f"{place}\n")
    return place


def fits(directory: Path) -> bool:
    """Whether the sockets' paths are short enough, and free of what libpq reads as a list."""
    path = str(directory / POSTGRES_SOCKET)
    return len(os.fsencode(path)) <= SOCKET_PATH_LIMIT and "," not in path


def far_socket_dir(var_dir: Path) -> Path:
    """A short directory outside VAR_DIR, the same for every start with this VAR_DIR."""
    digest = hashlib.sha256(os.fsencode(var_dir.resolve())).hexdigest()[:16]
    for parent in (os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir(), "/tmp"):  # noqa: S108
        if parent and fits(place := Path(parent) / f"beckon-{os.geteuid()}-{digest}"):
            return place
    raise StartError("No short enough directory for unix sockets. Choose a shorter VAR_DIR.")


def private_dir(path: Path) -> Path:
    """Make `path` with mode 0700, or trust it only when it is ours and closed to others."""
    try:
        path.mkdir(mode=0o700, parents=True)
    except FileExistsError:
        found = path.lstat()
        ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
        if not ours or found.st_mode & 0o077:
            raise StartError(
                f"{path} must be a directory of the user who runs Beckon, with mode 0700."
            ) from None
    except OSError as error:
        raise StartError(f"{path} can't be created: {error.strerror}.") from error
    return path
