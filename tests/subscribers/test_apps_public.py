"""POST and DELETE /push/{site key}/devices/, as apps send them."""

import json
import time
import uuid
from typing import Any

import jwt
import pytest
from django.http.request import UnreadablePostError
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from accounts import identity
from accounts.models import Site
from subscribers.models import Channel, ConsentRecord, Subscriber, Subscription
from tests.factories import make_credential, make_inbox, make_site
from tests.subscribers.browsers import Browser, answer
from tests.subscribers.phones import Phone, app_site, new_token


@pytest.fixture
def site(db: None) -> Site:
    site = app_site(make_site())
    make_credential(site)
    make_credential(site, Channel.APNS)
    return site


def signed(site: Site, external_id: str, **changes: Any) -> str:
    now = int(time.time())
    said = {"sub": external_id, "aud": site.key, "iat": now, "exp": now + 600} | changes
    return jwt.encode(said, identity.token_secret(site), "HS256")


def required(site: Site) -> None:
    site.identity_required = True
    site.save(update_fields=["identity_required"])


def said(response: Any) -> tuple[int, str, str]:
    error = answer(response)
    assert error["detail"]
    return response.status_code, error["error"], error["field"]


def test_register(site: Site) -> None:
    phone = Phone(site)
    response = phone.register()
    device = Subscription.objects.get()
    assert (response.status_code, answer(response)) == (
        201,
        {"id": str(device.public_id), "state": "active"},
    )
    assert phone.register().status_code == 200
    phone.token = None
    assert answer(phone.register()) == {"id": str(device.public_id), "state": "inbox"}
    shown = str(response.headers)
    assert "Access-Control" not in shown
    assert "Set-Cookie" not in shown


def test_apple(site: Site) -> None:
    assert Phone(site, apple=True).register(environment="sandbox").status_code == 201
    assert Subscription.objects.get().endpoint.startswith("apns+sandbox://com.example.shop/")


def test_leave(site: Site) -> None:
    phone = Phone(site)
    phone.register()
    assert phone.leave().status_code == 204
    assert phone.leave().status_code == 204
    device = Subscription.objects.get()
    assert device.state == Subscription.State.UNSUBSCRIBED
    actions = ConsentRecord.objects.order_by("pk").values_list("action", flat=True)
    assert list(actions) == ["granted", "unsubscribed"]
    # A start of the app brings nobody back.
    assert answer(phone.register())["state"] == "unsubscribed"
    assert answer(phone.register(consent={"source": "settings"}))["state"] == "active"


def test_leave_rejects(site: Site) -> None:
    phone = Phone(site)
    assert said(phone.leave()) == (404, "not_found", "")
    assert said(phone.leave(install=None)) == (400, "uuid", "install")
    phone.register()
    assert said(phone.leave(app_key="other")) == (403, "app_key", "app_key")
    assert Subscription.objects.get().state == Subscription.State.ACTIVE
    browser = Browser(site)
    browser.subscribe()
    assert said(phone.leave(install=browser.install)) == (404, "not_found", "")


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"app_key": "app_other"}, "app_key", "app_key"),
        ({"app_key": None}, "app_key", "app_key"),
        ({"app_key": 7}, "type", "app_key"),
        ({"app_key": "é"}, "app_key", "app_key"),
        ({"install": None}, "uuid", "install"),
        ({"install": "x"}, "uuid", "install"),
        ({"install": str(uuid.UUID(int=0))}, "uuid", "install"),
        ({"install": str(uuid.uuid5(uuid.NAMESPACE_DNS, "x"))}, "uuid", "install"),
        ({"install": 7}, "type", "install"),
        ({"token": 7}, "type", "token"),
        ({"token": ""}, "token", "token"),
        ({"token": "x" * 1025}, "token", "token"),
        ({"token": "a b"}, "token", "token"),
        ({"kind": "apns"}, "choice", "kind"),
        ({"kind": "fid"}, "token", "token"),
        ({"channel": "web"}, "choice", "channel"),
        ({"channel": None}, "choice", "channel"),
        ({"channel": "apns"}, "channel", "channel"),
        ({"platform": "Android"}, "choice", "platform"),
        ({"platform": ["ios"]}, "choice", "platform"),
        ({"environment": "test"}, "choice", "environment"),
        ({"app": "other-project"}, "not_set_up", "app"),
        ({"app": ["x"]}, "type", "app"),
        ({"app_version": 4}, "type", "app_version"),
        ({"language": 4}, "type", "language"),
        ({"consent": True}, "type", "consent"),
        ({"consent": {"at": "yesterday"}}, "time", "consent.at"),
        ({"consent": {"at": "2026-11-22T20:15:00"}}, "time", "consent.at"),
        ({"consent": {"at": "2026-13-22T20:15:00Z"}}, "time", "consent.at"),
        ({"consent": {"at": "0001-01-01T00:00:00+23:59"}}, "time", "consent.at"),
        ({"consent": {"at": 1}}, "type", "consent.at"),
        ({"consent": {"source": "x" * 201}}, "source", "consent.source"),
        ({"consent": {"text": "a\x07b"}}, "text", "consent.text"),
        ({"topics": "sale"}, "type", "topics"),
        ({"topics": [f"t{n}" for n in range(51)]}, "too_many", "topics"),
        ({"tags": ["vip"]}, "type", "tags"),
        ({"tags": {"add": "vip"}}, "type", "tags.add"),
        ({"attributes": {"a": {"b": 1}}}, "attribute", "attributes.a"),
        ({"external_id": "x" * 129}, "external_id", "external_id"),
        ({"external_id": 7}, "type", "external_id"),
        ({"identity": "x.y"}, "identity", "identity"),
        ({"identity": 7}, "type", "identity"),
    ],
    ids=lambda value: json.dumps(value)[:60] if isinstance(value, dict) else value,
)
def test_register_rejects(changes: dict[str, Any], code: str, field: str, site: Site) -> None:
    status, error, at = said(Phone(site).register(**changes))
    assert (error, at) == (code, field)
    assert status == (403 if code in {"app_key", "identity"} else 400)
    assert not Subscriber.objects.exists()


def test_a_missing_token_takes_nothing_back(site: Site) -> None:
    phone = Phone(site)
    phone.register()
    body = phone.body | {"app_key": site.app_key}
    del body["token"]
    assert said(phone.send("POST", body)) == (400, "required", "token")
    assert Subscription.objects.get().state == Subscription.State.ACTIVE


def test_odd_settings_cost_no_registration(site: Site) -> None:
    odd = {"language": "!", "timezone": "Mars/Base", "app_version": "4\n12" + "x" * 60, "more": 1}
    assert Phone(site).register(**odd).status_code == 201
    device = Subscription.objects.get()
    assert (device.language, device.time_zone, len(device.app_version)) == ("", "", 40)


@pytest.mark.parametrize(
    "body",
    [b"", b"x", b"[]", b"null", b"\xff", b'{"a": NaN}', b'{"app_key": "\\ud800"}', b"[" * 4000],
    ids=repr,
)
def test_bodies(body: bytes, site: Site) -> None:
    for method in ("POST", "DELETE"):
        assert Phone(site).send(method, body).status_code == 400


def test_a_body_has_4_kb(site: Site) -> None:
    assert said(Phone(site).send("POST", b" " * 4097)) == (413, "too_large", "")


def test_a_body_that_ends_early(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def ends(*_args: object) -> bytes:
        raise UnreadablePostError

    monkeypatch.setattr("django.http.request.HttpRequest.read", ends)
    assert said(Phone(site).register()) == (400, "json", "")


def test_it_requires_access(site: Site) -> None:
    phone = Phone(site)
    phone.register()
    site.app_key = ""
    site.save(update_fields=["app_key"])
    for response in (phone.register(app_key=""), phone.register(), phone.leave()):
        assert said(response) == (403, "apps_off", "")
    site.key = "unknown"
    assert said(phone.register()) == (404, "not_found", "")
    site.key = "a" * 23
    assert said(phone.register()) == (404, "not_found", "")
    other = app_site(make_site(name="Other"))
    assert said(Phone(other, install=phone.install).leave()) == (404, "not_found", "")
    assert Subscription.objects.get().state == Subscription.State.ACTIVE


@pytest.mark.parametrize("origin", ["https://shop.example", "https://evil.example", "null"])
def test_pages_are_kept_out(origin: str, site: Site) -> None:
    phone = Phone(site)
    body = phone.body | {"app_key": site.app_key}
    for method in ("POST", "DELETE", "OPTIONS"):
        response = phone.send(method, body, Origin=origin)
        assert said(response) == (403, "origin", "")
        assert not [name for name in response.headers if name.startswith("Access-Control")]
    assert not Subscription.objects.exists()


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "OPTIONS"])
def test_methods(method: str, site: Site) -> None:
    response = Phone(site).send(method, {})
    assert (response.status_code, response.headers["Allow"]) == (405, "POST, DELETE")


def test_the_rate_is_limited(site: Site, settings: Settings) -> None:
    settings.INGEST_PER_ADDRESS = 3
    phone = Phone(site)
    statuses = [phone.register().status_code for _ in range(5)]
    assert statuses == [201, 200, 200, 429, 429]
    response = phone.leave()
    assert said(response) == (429, "rate", "")
    assert int(response.headers["Retry-After"]) > 0


def test_a_signed_identity(site: Site) -> None:
    phone = Phone(site)
    assert phone.register(identity=signed(site, "FF-7")).status_code == 201
    assert Subscriber.objects.get().external_id == "FF-7"
    assert phone.register(identity=signed(site, "FF-7"), external_id="FF-7").status_code == 200
    other = phone.register(identity=signed(site, "FF-7"), external_id="FF-8")
    assert said(other) == (403, "identity", "identity")
    late = signed(site, "FF-7", iat=1, exp=600)
    assert said(phone.register(identity=late)) == (403, "identity_expired", "identity")
    # Nothing else is stored with an identity that does not hold.
    phone.token = new_token()
    phone.register(identity=late, tags={"add": ["vip"]})
    assert phone.token not in Subscription.objects.get().endpoint
    assert Subscriber.objects.get().tags == []


def test_an_unsigned_id_where_a_signed_one_is_required(site: Site) -> None:
    phone = Phone(site)
    assert phone.register(external_id="FF-7").status_code == 201
    required(site)
    for signature in (None, "0" * 64):
        response = phone.register(external_id="FF-8", signature=signature)
        assert said(response) == (403, "identity", "identity")
    email = phone.register(attributes={"email": "a@example.com"})
    assert said(email) == (403, "signature", "attributes.email")
    assert phone.register().status_code == 200
    good = phone.register(
        identity=signed(site, "FF-9"), external_id="FF-9", attributes={"email": "a@example.com"}
    )
    assert good.status_code == 200
    assert Subscription.objects.get().subscriber.external_id == "FF-9"


def test_web_and_app_are_one_person(site: Site) -> None:
    browser, phone = Browser(site), Phone(site)
    browser.subscribe()
    browser.change(external_id="FF-7", tags={"add": ["web"]})
    phone.register(external_id="FF-7", tags={"add": ["app"]}, topics=["sale"])
    person = Subscriber.objects.get()
    assert (person.tags, person.topics) == (["web", "app"], ["sale"])
    channels = Subscription.objects.order_by("pk").values_list("channel", flat=True)
    assert list(channels) == ["web", "fcm"]


def test_a_browser_does_not_take_an_apps_place(site: Site) -> None:
    phone = Phone(site)
    phone.register()
    browser = Browser(site, install=phone.install)
    assert said(browser.subscribe()) == (409, "install", "install")
    assert Subscription.objects.get().channel == Channel.FCM


def test_secrets_stay_here(site: Site) -> None:
    phone = Phone(site)
    for response in (phone.register(), phone.register(), phone.leave(), phone.leave(app_key="x")):
        text = response.content.decode()
        assert phone.install not in text
        assert str(phone.token) not in text


def test_a_start_of_the_app_is_cheap(
    site: Site, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    phone = Phone(site)
    phone.register()
    # The site; a savepoint; its credentials; the device; when it was seen; its release.
    with django_assert_num_queries(6):
        assert phone.register().status_code == 200


def test_hostile_values(site: Site) -> None:
    client = Client(raise_request_exception=False)
    good = Phone(site, client=client).body | {"app_key": site.app_key}
    junk: list[Any] = [None, True, -1, 1.5, 10**40, "", "\x00", "é" * 300, [], [[]], {}, {"": {}}]
    junk += ["9" * 400, "javascript:alert(1)", "../../x", {"add": [1]}, {"at": "9999-12-31T23:59Z"}]
    fields = [*good, "kind", "environment", "app", "topics", "consent", "identity", "external_id"]
    for name in [*fields, "tags", "attributes"]:
        for value in junk:
            response = Phone(site, client=client).send("POST", good | {name: value})
            assert response.status_code in {200, 201, 400, 403, 410}, (name, value)


def test_an_inbox_on_a_page_becomes_a_browser_that_may_push(site: Site) -> None:
    browser = Browser(site)
    device = make_inbox(site, install_id=uuid.UUID(browser.install))
    assert answer(browser.subscribe(sync=True))["state"] == "active"
    device.refresh_from_db()
    assert (device.channel, device.endpoint) == ("web", browser.endpoint)
    assert device.credential is not None
    assert ConsentRecord.objects.get().action == ConsentRecord.Action.GRANTED
