"""A copy of the database, of Redis and of the logs lets nobody in and opens nothing."""

import json
import logging
import re
from urllib.parse import urlsplit

import jwt
import pytest
import redis
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client

from accounts import crypto, onboarding
from accounts.models import Role
from subscribers import app_tokens, vapid
from subscribers.models import Channel, Credential
from tests.factories import PASSWORD, PUSH_ORIGIN, make_member, make_site
from tests.subscribers.apps import BUNDLE, TEAM, account, answering, p8, rsa_pem
from tests.subscribers.browsers import Browser

KEY = re.compile(r"bk_[\w-]{40,}")
LINK = re.compile(r"/(?:invite|signin)/([\w-]{40,})/")
SECRET = re.compile(r"\b[0-9a-f]{64}\b")


def everything_in_the_database() -> str:
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        rows = []
        for table in tables:
            cursor.execute(f'SELECT t::text FROM "{table}" AS t')  # noqa: S608
            rows += [row[0] for row in cursor.fetchall()]
    return "\n".join(rows)


def everything_in_redis() -> str:
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        names = list(client.scan_iter())
        return "\n".join(repr((name, client.dump(name))) for name in names)


def ways_to_write(secret: str) -> list[str]:
    return [secret, secret.encode().hex()]


@pytest.mark.django_db
def test_no_secret_is_kept_or_logged(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "EXTRA_PUSH_ORIGINS", frozenset({PUSH_ORIGIN}))
    caplog.set_level(logging.DEBUG)
    site = make_site()
    owner = make_member(site, Role.OWNER)
    client = Client()
    client.post("/signin/", {"username": owner.email, "password": PASSWORD})
    base = f"/sites/{site.pk}"
    page = client.post(f"{base}/keys/", {"name": "Shop", "scopes": ["all"]}, follow=True)
    keys = KEY.findall(page.content.decode())
    client.post(f"{base}/members/", {"email": "new@example.com", "role": "viewer"})
    waiting = everything_in_the_database()
    page = client.get(f"{base}/members/")
    links = LINK.findall(page.content.decode()) + LINK.findall(onboarding.password_link(owner))
    client.post(f"{base}/settings/identity/")
    site.refresh_from_db()
    identity = crypto.decrypt(site.identity_secret).decode()
    Client(headers={"Authorization": f"Bearer {keys[0]}"}).get("/api/v1/subscribers/")
    visitor = Browser(site)
    visitor.subscribe()
    visitor.subscribe(subscription={"endpoint": visitor.endpoint, "keys": {}})
    private = crypto.decrypt(vapid.current(site).private_key)

    session = client.cookies["sessionid"].value
    assert len(keys) == 1 and len(links) == 2 and SECRET.fullmatch(identity)
    kept = waiting + everything_in_the_database() + everything_in_redis()
    for secret in (*keys, *links, identity, session, PASSWORD):
        assert not any(text in kept for text in ways_to_write(secret))
        assert secret not in caplog.text
    assert private.hex() not in kept and private.decode(errors="replace") not in kept
    assert visitor.endpoint in kept  # the one thing that sending needs
    assert visitor.endpoint not in caplog.text and visitor.auth not in caplog.text
    assert urlsplit(visitor.endpoint).path not in everything_in_redis()


@pytest.mark.django_db
def test_no_key_or_token_for_apps_is_kept_or_logged(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    site = make_site()
    client = Client()
    client.force_login(make_member(site, Role.ADMIN))
    with answering() as service:
        monkeypatch.setattr(settings, "EXTRA_PUSH_ORIGINS", frozenset({service.url}))
        for name in ("FCM_ORIGIN", "APNS_ORIGIN"):
            monkeypatch.setattr(settings, name, service.url)
        monkeypatch.setattr(settings, "FCM_TOKEN_URI", f"{service.url}/token")
        service.gives("ya29.a-token-of-google")
        base = f"/sites/{site.pk}/apps"
        file = SimpleUploadedFile("key.json", json.dumps(account()).encode())
        client.post(f"{base}/firebase/", {"file": file})
        fields = {"team_id": TEAM, "bundle_ids": BUNDLE}
        # Refused at first, so the file waits in the session.
        file = SimpleUploadedFile("key.p8", p8())
        client.post(f"{base}/apple/", fields | {"key_id": "", "file": file})
        waiting = everything_in_the_database()
        client.post(f"{base}/apple/", fields | {"key_id": "KEY1234567"})
    apns = Credential.objects.get(site=site, channel=Channel.APNS)
    provider = app_tokens.key_of(apns)
    assert provider is not None and jwt.get_unverified_header(provider.token)["alg"] == "ES256"
    assert site.credentials.exclude(token=None).count() == 2
    pieces = [line for text in (rsa_pem(), p8().decode()) for line in text.splitlines()[1:-1]]
    kept = waiting + everything_in_the_database() + everything_in_redis()
    for secret in (*pieces, "ya29.a-token-of-google", provider.token):
        assert not any(text in kept for text in ways_to_write(secret))
        assert secret not in caplog.text
