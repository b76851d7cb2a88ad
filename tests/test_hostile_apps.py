"""What strangers and careless admins send about apps: an answer each time, and never much work."""

import base64
import hmac
import json
import time
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from accounts.identity import token_secret
from accounts.models import Site
from subscribers import app_files, identity, signed_identity
from subscribers.incoming import Refused
from subscribers.models import Subscriber, Subscription
from tests.factories import make_credential, make_site
from tests.subscribers.apps import account
from tests.subscribers.phones import Phone, app_site, new_token

NOW = int(time.time())


@pytest.fixture
def site(db: None) -> Site:
    made = app_site(make_site())
    make_credential(made)
    return made


def encoded(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def signed(site: Site, claims: str, header: str = '{"alg":"HS256"}') -> str:
    """A token with the site's own signature: JSON as no library writes it."""
    text = encoded(header.encode()) + b"." + encoded(claims.encode())
    mac = hmac.digest(token_secret(site), text, "sha256")
    return (text + b"." + encoded(mac)).decode()


def refused(site: Site, token: str) -> None:
    with pytest.raises(Refused) as caught:
        signed_identity.read(site, token)
    assert caught.value.status == 403


@pytest.mark.parametrize("name", ["exp", "iat", "nbf"])
@pytest.mark.parametrize(
    "value",
    [
        "[1]",
        "{}",
        "null",
        "1e999",
        "-1e999",
        "NaN",
        "9" * 400,
        '"' + "9" * 1000 + '"',
        "-" + "9" * 400,
    ],
    ids=["list", "object", "null", "infinity", "minus", "nan", "long", "text", "long ago"],
)
def test_absurd_times(name: str, value: str, site: Site) -> None:
    times = {"exp": str(NOW + 600), name: value}
    said = ",".join(f'"{key}":{one}' for key, one in times.items())
    token = signed(site, f'{{"sub":"kari","aud":"{site.key}",{said}}}')
    if name == "nbf" and value.startswith("-9"):
        assert signed_identity.read(site, token) == "kari"  # it holds since long ago
    else:
        refused(site, token)


@pytest.mark.parametrize(
    "header",
    [
        '{"alg":["HS256"]}',
        '{"alg":{"HS256":1}}',
        '{"alg":null}',
        '{"alg":"none"}',
        '{"alg":"HS256","kid":{}}',
        '{"alg":"HS256","crit":5}',
        '{"alg":"HS256","crit":["b64"],"b64":false}',
        '["HS256"]',
        "5",
        "[" * 600,
    ],
)
def test_absurd_headers(header: str, site: Site) -> None:
    claims = f'{{"sub":"kari","aud":"{site.key}","exp":{NOW + 600}}}'
    assert signed_identity.read(site, signed(site, claims)) == "kari"
    refused(site, signed(site, claims, header))


def test_half_a_pair_in_a_key_of_firebase() -> None:
    with pytest.raises(app_files.BadFile):
        app_files.service_account(json.dumps(account(private_key="\ud800")).encode())


def test_a_certificate_of_no_known_version() -> None:
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name)
    made = made.public_key(key.public_key()).serial_number(1)
    made = made.not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
    made = made.not_valid_after(datetime(2027, 1, 1, tzinfo=UTC))
    data = made.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)
    version = bytes.fromhex("a003020102")
    assert data.count(version) == 1
    with pytest.raises(app_files.BadFile):
        app_files.apns_key(data.replace(version, bytes.fromhex("a003020107")))


def test_no_work_for_a_huge_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """To load an RSA key of 8,192 bits takes seconds, on upload and at each token."""

    def loads(*_given: object, **_options: object) -> None:
        pytest.fail("it was loaded")

    monkeypatch.setattr(app_files, "load_pem_private_key", loads)
    lines = "\n".join(["A" * 64] * 98)  # as many as such a key has
    pem = f"-----BEGIN PRIVATE KEY-----\n{lines}\n-----END PRIVATE KEY-----\n"
    with pytest.raises(app_files.BadFile):
        app_files.service_account(json.dumps(account(private_key=pem)).encode())
    with pytest.raises(app_files.BadFile):
        app_files.apns_key(pem.encode())


def identity_of(site: Site, external_id: str) -> str:
    return signed(site, f'{{"sub":"{external_id}","aud":"{site.key}","exp":{NOW + 600}}}')


@pytest.mark.parametrize("before", [False, True], ids=["new", "known"])
def test_a_token_alone_leads_to_nobodys_messages(before: bool, site: Site) -> None:
    """Who has got hold of a push token takes the app's place, but not its person's."""
    site.identity_required = True
    site.save()
    kari = Phone(site)
    kari.register(identity=identity_of(site, "kari"))
    thief = Phone(site)
    if before:
        thief.register()
    thief.token = kari.token
    assert thief.register().status_code == 200
    thief.token = new_token()
    assert thief.register().status_code == 200
    person = Subscriber.objects.get(external_id="kari")
    assert not person.subscriptions.exists()
    stolen = Subscription.objects.get(install_id=thief.install)
    assert stolen.moved_at is not None  # so that the thief's inbox has nothing of what went there
    assert kari.register(identity=identity_of(site, "kari")).status_code == 201
    assert [str(one.install_id) for one in person.subscriptions.all()] == [kari.install]


def test_cleared_data_cost_nothing_who_signs_in(site: Site) -> None:
    site.identity_required = True
    site.save()
    phone = Phone(site)
    phone.register(identity=identity_of(site, "kari"))
    again = Phone(site, token=phone.token)
    assert again.register(identity=identity_of(site, "kari")).status_code == 200
    device = Subscription.objects.get()
    assert (device.subscriber.external_id, device.moved_at) == ("kari", None)


def test_the_signature_of_a_made_up_id_is_no_token(site: Site) -> None:
    """A shop signs user names for the snippet; one is written as the beginning of a token."""
    said = {"sub": "customer-7", "aud": site.key, "exp": int(time.time()) + 600}
    name = (encoded(b'{"alg":"HS256"}') + b"." + encoded(json.dumps(said).encode())).decode()
    signature = bytes.fromhex(identity.signature(site, name))
    refused(site, f"{name}.{encoded(signature).decode()}")
