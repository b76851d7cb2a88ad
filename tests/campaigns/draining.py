"""A job that lasts until its process is told to stop, and says so."""

from pathlib import Path

from campaigns import jobs


def last(folder: str) -> None:
    Path(folder, "began").touch()
    jobs.told_to_stop.wait(60)
    Path(folder, "told" if jobs.told_to_stop.is_set() else "never told").touch()
