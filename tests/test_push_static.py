"""What every customer's visitor downloads: small, complete, and without anything dangerous."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

PUSH = Path(__file__).resolve().parents[1] / "static" / "push"
# Bytes as a web server sends them with gzip. The files are served as they are written.
LIMITS = {"snippet.js": 3072, "prompt.js": 4096, "inbox.js": 4096, "sw.js": 2048}
SVG = "http://www.w3.org/2000/svg"


def read(name: str) -> str:
    return (PUSH / name).read_text()


def test_there_are_no_other_files() -> None:
    assert sorted(path.name for path in PUSH.iterdir()) == sorted(LIMITS)


@pytest.mark.parametrize(("name", "limit"), LIMITS.items())
def test_size(name: str, limit: int, capsys: pytest.CaptureFixture[str]) -> None:
    size = len(gzip.compress(read(name).encode(), 9, mtime=0))
    with capsys.disabled():
        print(f"\n{name}: {size:,} of {limit:,} bytes gzipped", end="")  # noqa: T201
    assert size <= limit


@pytest.mark.parametrize("name", LIMITS)
def test_one_function_that_leaves_nothing_behind(name: str) -> None:
    code = re.sub(r"\A/\*!.*?\*/\s*", "", read(name), flags=re.DOTALL)
    assert code.startswith('(() => {\n  "use strict";\n')
    assert code.endswith("\n})();\n")


@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize(
    "word",
    ["eval(", "Function(", "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write"]
    + ["importScripts", "import(", "XMLHttpRequest", "document.cookie", 'setAttribute("style"']
    + ["<style", "console.", "alert(", "debugger"],
)
def test_forbidden_words(name: str, word: str) -> None:
    assert word not in read(name)


@pytest.mark.parametrize("name", LIMITS)
def test_no_address_of_anybody(name: str) -> None:
    assert set(re.findall(r"https?://[^\s\"'`]+", read(name))) <= {SVG}


def test_worker_listens_to_pushes_and_never_to_fetches() -> None:
    events = re.findall(r"addEventListener\(\"(\w+)\"", read("sw.js"))
    assert sorted(events) == [
        "message",
        "notificationclick",
        "notificationclose",
        "push",
        "pushsubscriptionchange",
    ]
    assert "onfetch" not in read("sw.js")


@pytest.mark.parametrize("word", ["skipWaiting()", "clients.claim()", "unregister(", "cookie"])
def test_worker_takes_nothing_over(word: str) -> None:
    assert word not in read("sw.js")
