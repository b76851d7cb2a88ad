"""Starting and stopping the stand-in for FCM and APNs, its certificates, and odd connections."""

from __future__ import annotations

import socket
import ssl
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509

from demo.appservice import __main__ as command
from demo.appservice import certs
from demo.appservice.run import running
from demo.serving import StartError
from tests.demo.appsender import AppSender
from tests.running import ROOT

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"


def test_the_command_serves_until_it_is_told_to_stop(tmp_path: Path) -> None:
    arguments = [sys.executable, "-m", "demo.appservice", "--port", "0", "--data", str(tmp_path)]
    with subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        line = process.stdout.readline().strip()
        origin = line.removeprefix("Sandbox for apps on ")
        assert httpx.get(f"{origin}/healthz", trust_env=False).json()["origin"] == origin
        process.terminate()
        assert process.wait(10) == 0


def test_a_taken_port_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        assert command.main(["--port", port, "--data", str(tmp_path)]) == 1
    assert f"The port {port} on 127.0.0.1 is taken." in capsys.readouterr().err


def test_a_folder_that_cannot_be_used_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StartError, match="cannot be used"), running(tmp_path / "file"):
        pass


def test_the_certificate_is_kept_until_it_ends_soon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, bundle = certs.prepare(tmp_path)
    first = own.read_bytes()
    assert (own.stat().st_mode & 0o777, bundle.stat().st_mode & 0o777) == (0o600, 0o600)
    certs.prepare(tmp_path)
    assert own.read_bytes() == first
    monkeypatch.setattr(certs, "RENEW_DAYS", certs.DAYS + 1)
    certs.prepare(tmp_path)
    assert own.read_bytes() != first
    known = x509.load_pem_x509_certificate(own.read_bytes())
    assert known.not_valid_after_utc - known.not_valid_before_utc < timedelta(days=366)


def test_the_bundle_has_the_systems_authorities_too(tmp_path: Path) -> None:
    _own, bundle = certs.prepare(tmp_path)
    authority = (tmp_path / "ca.pem").read_bytes()
    assert b"PRIVATE KEY" not in authority
    assert bundle.read_bytes().endswith(authority)
    assert bundle.read_bytes().count(b"BEGIN CERTIFICATE") > 50


def test_who_does_not_know_the_authority_does_not_connect(tmp_path: Path) -> None:
    with running(tmp_path) as service:
        context = ssl.create_default_context()
        with (
            httpx.Client(http2=True, verify=context, trust_env=False) as http,
            pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"),
        ):
            http.post(f"{service.apns_origin}/3/device/x")


@pytest.mark.parametrize(
    "odd",
    [b"", b"\x16junk", b"junk\r\n\r\n"],
    ids=["silent", "no_tls", "no_http"],
)
def test_odd_connections_harm_nobody(tmp_path: Path, odd: bytes) -> None:
    with running(tmp_path) as service:
        host, _, port = service.origin.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port)), 10) as raw:
            raw.sendall(odd)
            raw.shutdown(socket.SHUT_WR)
            while raw.recv(4096):
                pass
        with AppSender(service) as sender:
            assert sender.to_iphone(service.add(1, "apns")[0]).status_code == 200


@pytest.mark.parametrize(
    ("protocol", "odd"),
    [
        ("h2", b"junk that is no preface of HTTP/2"),
        ("h2", PREFACE + b"\xff\xff\xff" + bytes(60)),
        ("http/1.1", b"junk\r\n\r\n"),
        ("http/1.1", b"POST /token HTTP/1.1\r\nhost: x\r\ncontent-length: 9000000\r\n\r\n"),
    ],
    ids=["h2", "h2_frame", "http1", "http1_body"],
)
def test_odd_bytes_within_tls_end_the_connection(tmp_path: Path, protocol: str, odd: bytes) -> None:
    with running(tmp_path) as service:
        host, _, port = service.origin.removeprefix("http://").partition(":")
        context = ssl.create_default_context(cafile=str(service.ca_file))
        context.set_alpn_protocols([protocol])
        with (
            socket.create_connection((host, int(port)), 10) as raw,
            context.wrap_socket(raw, server_hostname=host) as tls,
        ):
            tls.sendall(odd)
            if b"content-length" in odd:
                with pytest.raises(OSError):  # noqa: PT011 - a reset or a broken pipe
                    for _ in range(9000):
                        tls.sendall(bytes(1000))
            else:
                while tls.recv(4096):
                    pass
        assert len(service.log) == 0


def test_a_body_without_end_is_cut_off(tmp_path: Path) -> None:
    with running(tmp_path) as service, AppSender(service) as sender:
        with pytest.raises(httpx.TransportError):
            sender.to_iphone("ab" * 32, bytes(2_000_000))
        assert sender.to_iphone(service.add(1, "apns")[0]).status_code == 200
