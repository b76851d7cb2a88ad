"""Running PostgreSQL for root: it refuses to run as root itself.

The starter in the wheel makes a user and opens the parents of the data directory to everybody.
Here no mode or owner outside VAR_DIR changes: the server runs as an ordinary user who keeps one
capability, the one to pass directories that are closed to it (such as a 0700 home).
"""

import os
import pwd
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from config.embedded import processes
from config.embedded.places import StartError

# The numbers of linux/capability.h, the smaller power first.
CAPABILITIES: Final = {"dac_read_search": 2, "dac_override": 1}
ELSE: Final = "Run Beckon as an ordinary user, or set DATABASE_URL."


@dataclass(frozen=True)
class Account:
    """The system user that PostgreSQL runs as."""

    uid: int
    gid: int
    name: str

    def own(self, path: Path) -> None:
        """Hand `path` (inside VAR_DIR or our socket directory) to this user."""
        if os.geteuid() == 0:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def prefix(self, death_signal: str | None = None) -> list[str]:
        """What to put before a command so that it runs as this user; empty when we are it."""
        if os.geteuid() != 0:
            return []
        setpriv = processes.setpriv_path()
        capability = next((name for name, bit in CAPABILITIES.items() if holds(bit)), None)
        if setpriv is None or capability is None:
            raise StartError(f"PostgreSQL can't run as root on this system. {ELSE}")
        return [
            setpriv,
            f"--reuid={self.uid}",
            f"--regid={self.gid}",
            "--clear-groups",
            # Without this, access(2) ignores capabilities of a user who is not root.
            "--securebits=+no_setuid_fixup",
            f"--inh-caps=-all,+{capability}",
            f"--ambient-caps=-all,+{capability}",
            f"--bounding-set=-all,+{capability}",
            "--no-new-privs",
            # Changing the user clears the signal that `spawn` had asked for.
            *([f"--pdeathsig={death_signal}"] if death_signal else []),
        ]


def account_for(data_dir: Path) -> Account:
    """The user to run PostgreSQL as: ourselves; for root the data's owner, else nobody."""
    uid = os.geteuid()
    if uid == 0:
        owner = data_dir.stat().st_uid if data_dir.exists() else 0
        uid = owner or nobody()
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        raise StartError(
            f"PostgreSQL needs a user name, and user id {uid} has none on this machine. "
            "Add the user, or set DATABASE_URL."
        ) from None
    return Account(uid, entry.pw_gid, entry.pw_name)


def nobody() -> int:
    """The id of the user nobody."""
    try:
        return pwd.getpwnam("nobody").pw_uid
    except KeyError:
        raise StartError(f"PostgreSQL can't run as root without a user nobody. {ELSE}") from None


def holds(bit: int) -> bool:
    """Whether this process may pass on the capability with this number."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return False
    line = next((line for line in status.splitlines() if line.startswith("CapPrm:")), "CapPrm: 0")
    return bool(int(line.split()[1], 16) >> bit & 1)
