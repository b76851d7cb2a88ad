"""Certificates of the stand-in's own, and a bundle of what a sender may trust beside them.

The authority signs this one certificate, and its key is thrown away: nobody can make another.
"""

from __future__ import annotations

import os
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import certifi
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAYS = 365
RENEW_DAYS = 30
NAMES = ("localhost",)
ADDRESSES = ("127.0.0.1", "::1")


def prepare(folder: Path) -> tuple[Path, Path]:
    """(certificate with key, bundle) in `folder`, made anew if they are missing or end soon.

    The bundle is what `PUSH_CA_FILE` names: the system's authorities and the stand-in's own.
    """
    own, authority, bundle = folder / "server.pem", folder / "ca.pem", folder / "ca-bundle.pem"
    if not (own.exists() and authority.exists()) or _ends_soon(own):
        chain, trusted = _make()
        _write(authority, trusted)
        _write(own, chain)
    _write(bundle, _system() + authority.read_bytes())
    return own, bundle


def context(own: Path) -> ssl.SSLContext:
    """TLS as the real services ask for it: 1.2 at least, HTTP/2 by ALPN."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.load_cert_chain(own)
    made.set_alpn_protocols(["h2", "http/1.1"])
    # Nobody resumes a session here; without tickets a connection has fewer bytes to wait for.
    made.num_tickets = 0
    return made


def _ends_soon(path: Path) -> bool:
    known = x509.load_pem_x509_certificate(path.read_bytes())
    return known.not_valid_after_utc < datetime.now(UTC) + timedelta(days=RENEW_DAYS)


def _system() -> bytes:
    """The authorities that this machine trusts."""
    place = ssl.get_default_verify_paths().cafile or certifi.where()
    return Path(place).read_bytes().rstrip() + b"\n"


def _make() -> tuple[bytes, bytes]:
    """(certificate and key of the stand-in, certificate of its authority), both PEM."""
    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Beckon sandbox authority")])
    authority = (
        _certificate(issuer, issuer, authority_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(sign=True), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Beckon sandbox")])
    names: list[x509.GeneralName] = [x509.DNSName(name) for name in NAMES]
    names += [x509.IPAddress(ip_address(address)) for address in ADDRESSES]
    identifier = x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key())
    own = (
        _certificate(subject, issuer, key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(sign=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier(identifier.digest, None, None), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return own.public_bytes(pem) + secret, authority.public_bytes(pem)


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=DAYS))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, sign: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not sign,
        key_cert_sign=sign,
        crl_sign=sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all, for us alone: somebody may be reading it."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
    draft.replace(path)
