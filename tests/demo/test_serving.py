"""Both programs as commands: they start, say where, stop at a signal, and say what is wrong."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from demo.pushservice.__main__ import main as push_main
from demo.serving import StartError, listen
from demo.shop.__main__ import main as shop_main
from tests.demo.sender import ask

PROGRAMS = {"demo.pushservice": "Sandbox push service on ", "demo.shop": "Demo shop on "}


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_starts_and_stops(program: str, number: int, tmp_path: Path) -> None:
    command = [sys.executable, "-m", program, "--port", "0"]
    if program == "demo.pushservice":
        command += ["--data", str(tmp_path / "new" / "folder")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith(PROGRAMS[program])
        origin = line.removeprefix(PROGRAMS[program]).strip()
        assert json.loads(ask("GET", origin + "/healthz", None, {}).body)["status"] == "ok"
        start = time.monotonic()
        process.send_signal(number)
        assert process.wait(10) == 0
        assert time.monotonic() - start < 2


@pytest.mark.parametrize("program", PROGRAMS)
def test_taken_port_is_one_sentence(
    program: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        if program == "demo.shop":
            status = shop_main(["--port", port])
        else:
            status = push_main(["--port", port, "--data", str(tmp_path)])
    assert status == 1
    assert capsys.readouterr().err == f"The port {port} on 127.0.0.1 is taken.\n"


def test_data_folder_that_cannot_be_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert push_main(["--port", "0", "--data", str(tmp_path / "file" / "x")]) == 1
    said = capsys.readouterr().err
    assert said.startswith("The data folder ")
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("bind", "port", "words"),
    [("192.0.2.1", 0, "cannot be used"), ("127.0.0.1", 70_000, "There is no port 70000")],
)
def test_address_that_cannot_be_used(bind: str, port: int, words: str) -> None:
    with pytest.raises(StartError, match=words):
        listen(bind, port)
