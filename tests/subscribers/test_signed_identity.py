"""Signed identities: what a site's server may say, and every way to forge it."""

import base64
import hashlib
import hmac
import json
import secrets
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from accounts import identity
from accounts.models import Site
from subscribers import signed_identity
from subscribers.incoming import Refused
from tests.factories import make_site

PRIVATE = ec.derive_private_key(7 * 10**40, ec.SECP256R1())
FOREIGN = ec.derive_private_key(9 * 10**40, ec.SECP256R1())
PEM = PRIVATE.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
HOUR = 3600


@pytest.fixture
def site(db: None) -> Site:
    made = make_site()
    made.identity_public_key = PEM
    return made


def secret(site: Site) -> bytes:
    return identity.token_secret(site)


def claims(site: Site, **changes: Any) -> dict[str, Any]:
    now = int(time.time())
    said = {"sub": "customer-7", "aud": site.key, "iat": now, "exp": now + HOUR} | changes
    return {name: value for name, value in said.items() if value is not None}


def hs256(site: Site, **changes: Any) -> str:
    return jwt.encode(claims(site, **changes), secret(site), "HS256")


def by_hand(header: dict[str, Any], said: object, key: bytes) -> str:
    """A token that no library would make."""
    parts = [json.dumps(part).encode() for part in (header, said)]
    signed = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    mac = base64.urlsafe_b64encode(hmac.digest(key, signed, "sha256")).rstrip(b"=")
    return (signed + b"." + mac).decode()


def refusal(site: Site, token: str) -> Refused:
    with pytest.raises(Refused) as caught:
        signed_identity.read(site, token)
    assert (caught.value.status, caught.value.field) == (403, "identity")
    return caught.value


def test_the_secret_signs(site: Site) -> None:
    assert signed_identity.read(site, hs256(site)) == "customer-7"
    assert signed_identity.read(site, hs256(site, aud=["other", site.key])) == "customer-7"
    assert signed_identity.read(site, hs256(site, iat=None)) == "customer-7"


def test_the_private_key_signs(site: Site) -> None:
    token = jwt.encode(claims(site), PRIVATE, "ES256")
    assert signed_identity.read(site, token) == "customer-7"
    site.identity_public_key = ""
    assert refusal(site, token).code == "identity"


def test_the_secret_is_the_text_that_was_shown(site: Site) -> None:
    """As docs/mobile.md says it: the hex text itself is the key, not what it stands for."""
    shown = secret(site).decode()
    assert len(shown) == 64
    assert int(shown, 16)
    token = jwt.encode(claims(site), shown, "HS256")
    assert signed_identity.read(site, token) == "customer-7"


def test_clocks_may_differ_by_a_minute(site: Site) -> None:
    now = int(time.time())
    assert signed_identity.read(site, hs256(site, iat=now + 50, exp=now + HOUR + 50))
    assert signed_identity.read(site, hs256(site, iat=now - HOUR - 30, exp=now - 30))


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        pytest.param({"exp": -120, "iat": -HOUR}, "expired", id="expired"),
        pytest.param({"exp": 2 * HOUR}, "hour", id="for two hours"),
        pytest.param({"exp": 2 * HOUR, "iat": None}, "hour", id="for two hours from now"),
        pytest.param({"exp": 600, "iat": -2 * HOUR}, "hour", id="the end of a long one"),
        pytest.param({"iat": 120, "exp": HOUR}, "later time", id="signed in the future"),
        pytest.param({"nbf": 120}, "later time", id="valid in the future"),
    ],
)
def test_times(changes: dict[str, int | None], word: str, site: Site) -> None:
    now = int(time.time())
    moments = {name: now + it if it is not None else None for name, it in changes.items()}
    error = refusal(site, hs256(site, **moments))
    assert word in error.sentence
    assert error.code == ("identity_expired" if word == "expired" else "identity")


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        pytest.param({"aud": None}, "aud", id="for nobody"),
        pytest.param({"aud": "another-site"}, "aud", id="for another site"),
        pytest.param({"aud": ["another-site"]}, "aud", id="for other sites"),
        pytest.param({"aud": {"a": 1}}, "aud", id="for an object"),
        pytest.param({"exp": None}, "exp", id="for ever"),
        pytest.param({"sub": None}, "sub", id="of nobody"),
        pytest.param({"sub": ""}, "1 to 128", id="of an empty id"),
        pytest.param({"sub": "  "}, "1 to 128", id="of a blank id"),
        pytest.param({"sub": "x" * 129}, "1 to 128", id="of a long id"),
        pytest.param({"sub": "a\x00b"}, "stored", id="of an id with a NUL"),
        pytest.param({"sub": "\ud800"}, "stored", id="of half a surrogate pair"),
    ],
)
def test_claims(changes: dict[str, Any], word: str, site: Site) -> None:
    token = by_hand({"alg": "HS256"}, claims(site, **changes), secret(site))
    assert word in refusal(site, token).sentence


@pytest.mark.parametrize("value", [7, True, ["customer-7"], {"a": 1}], ids=repr)
def test_the_id_is_a_text(value: Any, site: Site) -> None:
    token = by_hand({"alg": "HS256"}, claims(site, sub=value), secret(site))
    assert refusal(site, token).code == "identity"


@pytest.mark.parametrize("name", ["exp", "iat", "nbf"])
@pytest.mark.parametrize("value", ["soon", [], {}, float("inf"), float("nan")], ids=repr)
def test_times_are_numbers(name: str, value: Any, site: Site) -> None:
    token = by_hand({"alg": "HS256"}, claims(site, **{name: value}), secret(site))
    assert refusal(site, token).code == "identity"


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", "", None, 7, ["HS256"], {}])
def test_no_signature(alg: Any, site: Site) -> None:
    for key in (b"", secret(site)):
        token = by_hand({"alg": alg, "typ": "JWT"}, claims(site), key)
        assert refusal(site, token).code == "identity"
        assert refusal(site, token.rpartition(".")[0] + ".").code == "identity"


def test_the_public_key_is_no_secret(site: Site) -> None:
    """HS256 with the PEM of the public key: everybody may know that (RFC 8725 section 2.1)."""
    raw = PRIVATE.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    for key in (PEM.encode(), PEM.strip().encode(), raw):
        for alg in ("HS256", "ES256"):
            assert refusal(site, by_hand({"alg": alg}, claims(site), key)).code == "identity"


@pytest.mark.parametrize("alg", ["HS384", "HS512"])
def test_other_hashes(alg: str, site: Site) -> None:
    key = secret(site) * 2
    assert refusal(site, jwt.encode(claims(site), key, alg)).code == "identity"


def test_foreign_keys(site: Site) -> None:
    other = make_site(name="Other")
    foreign = jwt.encode(claims(site), FOREIGN, "ES256")
    p384 = jwt.encode(claims(site), ec.generate_private_key(ec.SECP384R1()), "ES384")
    stolen = jwt.encode(claims(site), secret(other), "HS256")
    for token in (foreign, p384, stolen, hs256(other), jwt.encode(claims(other), PRIVATE, "ES256")):
        assert refusal(site, token).code == "identity"


def test_a_key_in_the_header_counts_for_nothing(site: Site) -> None:
    jwk = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(FOREIGN.public_key()))
    headers = {"jwk": jwk, "jku": "https://evil.example/keys", "kid": "../../dev/null"}
    token = jwt.encode(claims(site), FOREIGN, "ES256", headers=headers)
    assert refusal(site, token).code == "identity"


def test_another_text_under_a_good_signature(site: Site) -> None:
    header, _said, mac = hs256(site).split(".")
    other = base64.urlsafe_b64encode(json.dumps(claims(site, sub="admin")).encode()).rstrip(b"=")
    assert refusal(site, f"{header}.{other.decode()}.{mac}").code == "identity"


def test_the_snippets_signature_is_none(site: Site) -> None:
    mac = hmac.new(secret(site), b"customer-7", hashlib.sha256).hexdigest()
    assert refusal(site, mac).code == "identity"


@pytest.mark.parametrize(
    "token",
    [
        *("", ".", "..", "a.b", "a.b.c", "a.b.c.d", "....", "null.null.null", " a.b.c", "a.b.c\n"),
        *("é.é.é", "\ud800.a.b", "a\x00.b.c", "W10.W10.W10", "e30.e30.e30", "bnVsbA.bnVsbA.bnVsbA"),
        *("x" * 100_000, "a" * 3000 + ".b.c", ("W" * 1200) + ".e30.e30"),
    ],
    ids=lambda token: repr(token[:20]),
)
def test_garbage(token: str, site: Site) -> None:
    assert refusal(site, token).code == "identity"


def test_nesting(site: Site) -> None:
    deep = base64.urlsafe_b64encode(b"[" * 1400).rstrip(b"=").decode()
    assert refusal(site, f"{deep}.e30.e30").code == "identity"


def test_random_changes(site: Site) -> None:
    """No single character of a token may be another one."""
    token = hs256(site)
    alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
    # The last character holds bits that base64 does not use.
    for place in range(len(token) - 1):
        if token[place] != ".":
            other = secrets.choice(alphabet.replace(token[place], ""))
            refusal(site, token[:place] + other + token[place + 1 :])


def test_public_keys() -> None:
    assert signed_identity.public_key(PEM).public_numbers() == PRIVATE.public_key().public_numbers()
    private = PRIVATE.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    other = ec.generate_private_key(ec.SECP384R1()).public_key()
    p384 = other.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    # Of an algorithm that nobody has made (OID 1.2.3.4).
    unknown = base64.b64encode(bytes.fromhex("300b300506032a030403020000")).decode()
    odd = f"-----BEGIN PUBLIC KEY-----\n{unknown}\n-----END PUBLIC KEY-----\n"
    for text in ("", "key", private, p384, odd, PEM[:80], "\ud800"):
        with pytest.raises(ValueError, match=r"."):
            signed_identity.public_key(text)
