"""Jobs that last until their process is told to stop, and say so."""

import os
from pathlib import Path

from campaigns import jobs


def last(folder: str) -> None:
    Path(folder, "began").touch()
    jobs.told_to_stop.wait(60)
    Path(folder, "told" if jobs.told_to_stop.is_set() else "never told").touch()


def outlive(folder: str) -> None:
    """Says first who it is, so that a test can end it when its worker is dead."""
    draft = Path(folder, "draft")
    draft.write_text(str(os.getpid()))
    draft.rename(Path(folder, "pid"))
    jobs.told_to_stop.wait(60)
