"""VAR_DIR and the secrets in it, made once. Settings read them, so this can't use settings."""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from cryptography.fernet import Fernet

from config.embedded import StartError

BASE_DIR: Final = Path(__file__).resolve().parent.parent.parent
LEAST_KEY_LENGTH: Final = 50


def prepare(environ: Mapping[str, str]) -> None:
    """Make VAR_DIR and whatever secret the environment does not give."""
    var_dir = Path(environ.get("VAR_DIR") or BASE_DIR / "var").expanduser().absolute()
    make_var_dir(var_dir)
    if not given(environ, "SECRET_KEY"):
        path = var_dir / "secret_key"
        text = keep(path, secrets.token_urlsafe(48))
        if len(text) < LEAST_KEY_LENGTH:
            raise StartError(damaged(path, "SECRET_KEY"))
    if not given(environ, "ENCRYPTION_KEYS"):
        path = var_dir / "encryption_keys"
        keys = keep(path, Fernet.generate_key().decode()).replace("\n", ",").split(",")
        if not all(is_fernet_key(key.strip()) for key in keys):
            raise StartError(damaged(path, "ENCRYPTION_KEYS"))


def given(environ: Mapping[str, str], name: str) -> bool:
    return bool(environ.get(name) or environ.get(f"{name}_FILE"))


def damaged(path: Path, name: str) -> str:
    return f"{path} is damaged. Put the file from your backup back, or set {name}."


def make_var_dir(var_dir: Path) -> None:
    """Make it for us alone; an existing one keeps its mode but must be ours to write in."""
    try:
        var_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except FileExistsError:
        raise StartError(f"VAR_DIR {var_dir} is a file. It must be a directory.") from None
    except OSError as error:
        raise StartError(f"VAR_DIR {var_dir} can't be created: {error.strerror}.") from error
    if not os.access(var_dir, os.R_OK | os.W_OK | os.X_OK):
        raise StartError(
            f"VAR_DIR {var_dir} can't be written. Run Beckon as its owner, or choose another."
        )
    # WhiteNoise warns when there is no place for collected files, even an empty one.
    (var_dir / "static").mkdir(exist_ok=True)


def keep(path: Path, text: str) -> str:
    """The secret in `path`; the first caller's `text` becomes it, whole or not at all."""
    if not path.exists():
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(f"{text}\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            path.hardlink_to(draft)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise StartError(f"{path} can't be read: {error}.") from error


def is_fernet_key(text: str) -> bool:
    try:
        Fernet(text)
    except ValueError:
        return False
    return True
