"""/api/v1/devices/"""

import json
import uuid
from typing import Any

import pytest
from django.test import Client
from jsonschema import Draft202012Validator

from accounts import api_keys
from accounts.models import Site
from subscribers import identity
from subscribers.models import Channel, ConsentRecord, Subscriber, Subscription
from tests.contract import conformance
from tests.factories import make_credential, make_site, make_subscriber, make_subscription
from tests.subscribers.browsers import answer
from tests.subscribers.phones import BUNDLE, Phone, app_site

URL = "/api/v1/devices/"


@pytest.fixture
def site(db: None) -> Site:
    site = make_site()
    site.identity_required = True  # a server needs no signature
    site.save()
    make_credential(site)
    make_credential(site, Channel.APNS)
    return site


def api(site: Site, *scopes: str) -> Client:
    _, text = api_keys.create(site, "test", list(scopes) or ["all"], None, None)
    return Client(headers={"Authorization": f"Bearer {text}"})


def call(client: Client, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    response = client.generic(method, path, json.dumps(body), "application/json")
    return response.status_code, response.json() if response.content else None


def test_post(site: Site) -> None:
    person = make_subscriber(site, external_id="FF-7")
    phone, client = Phone(site), api(site, "subscribers:write")
    body = phone.body | {"external_id": "FF-7", "attributes": {"email": "a@example.com"}}
    status, said = call(client, "POST", URL, body)
    device = Subscription.objects.get()
    assert status == 201
    assert said["id"] == str(device.public_id)
    assert (said["subscriber"], said["state"], said["channel"]) == (str(person.pk), "active", "fcm")
    assert (said["app_version"], said["service"]) == ("4.12.0", "Firebase (apps)")
    assert call(client, "POST", URL, body)[0] == 200
    status, said = call(client, "POST", URL, body | {"token": None})
    assert (status, said["state"], said["service"]) == (200, "inbox", "")


def test_nothing_secret_is_answered(site: Site) -> None:
    phone, client = Phone(site), api(site)
    for body in (phone.body, phone.body | {"token": None}):
        shown = client.post(URL, body, content_type="application/json").content.decode()
        assert phone.install not in shown
        assert str(phone.token) not in shown
    person = Subscriber.objects.get()
    shown = client.get(f"/api/v1/subscribers/{person.pk}/").content.decode()
    assert '"app_version":"4.12.0"' in shown
    assert phone.install not in shown


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"tokn": "x"}, "tokn"),
        ({"app_key": "x"}, "app_key"),
        ({"identity": "x"}, "identity"),
        ({"signature": "x"}, "signature"),
        ({"install": "x"}, "install"),
        ({"token": "a b"}, "token"),
        ({"platform": "windows"}, "platform"),
        ({"app": "other"}, "app"),
        ({"consent": {"at": "x"}}, "consent"),
        ({"tags": {"add": 1}}, "tags"),
        ({"attributes": {"a": {}}}, "attributes"),
        ({"app_version": "\x00"}, "non_field_errors"),
        ([1], "non_field_errors"),
    ],
    ids=repr,
)
def test_post_rejects(changes: Any, field: str, site: Site) -> None:
    body = Phone(site).body | changes if isinstance(changes, dict) else changes
    status, said = call(api(site), "POST", URL, body)
    assert (status, list(said)) == (400, [field])
    assert not Subscriber.objects.exists()


def test_conflicts(site: Site) -> None:
    client = api(site)
    taken = make_subscription(site).install_id
    assert call(client, "POST", URL, Phone(site, install=str(taken)).body)[0] == 409
    phone = Phone(site)
    call(client, "POST", URL, phone.body)
    identity.erase(Subscription.objects.get(channel=Channel.FCM).subscriber)
    status, said = call(client, "POST", URL, phone.body)
    assert (status, list(said)) == (410, ["detail"])
    assert call(client, "POST", URL, phone.body | {"consent": {}})[0] == 201


def test_patch(site: Site) -> None:
    client, phone = api(site, "subscribers:write"), Phone(site)
    _status, made = call(client, "POST", URL, phone.body | {"topics": ["news"]})
    one = f"{URL}{made['id']}/"
    changes = {"app_version": "4.13.0", "language": "en", "timezone": "UTC", "topics": ["sale"]}
    status, said = call(client, "PATCH", one, changes | {"external_id": "FF-7"})
    assert status == 200
    assert (said["app_version"], said["language"], said["time_zone"]) == ("4.13.0", "en", "UTC")
    device = Subscription.objects.get()
    assert (device.app_version, device.subscriber.external_id) == ("4.13.0", "FF-7")
    assert device.subscriber.topics == ["sale"]
    assert device.endpoint.endswith(str(phone.token))
    assert call(client, "PATCH", one, {})[1] == said
    person = make_subscriber(site, external_id="FF-9")
    assert call(client, "PATCH", one, {"external_id": "FF-9"})[1]["subscriber"] == str(person.pk)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"token": "x"}, "token"),
        ({"install": "x"}, "install"),
        ({"app_version": 4}, "app_version"),
        ({"external_id": ""}, "external_id"),
        ({"topics": "sale"}, "topics"),
        ("x", "non_field_errors"),
    ],
    ids=repr,
)
def test_patch_rejects(body: Any, field: str, site: Site) -> None:
    device = make_subscription(site)
    status, said = call(api(site), "PATCH", f"{URL}{device.public_id}/", body)
    assert (status, list(said)) == (400, [field])


def test_delete(site: Site) -> None:
    client = api(site, "subscribers:write")
    _status, made = call(client, "POST", URL, Phone(site).body)
    for _ in range(2):
        assert call(client, "DELETE", f"{URL}{made['id']}/") == (204, None)
    assert Subscription.objects.get().state == Subscription.State.UNSUBSCRIBED
    assert ConsentRecord.objects.filter(action="unsubscribed").count() == 1


def test_it_requires_access(site: Site) -> None:
    device = make_subscription(site)
    one, body = f"{URL}{device.public_id}/", Phone(site).body
    asked = [("POST", URL, body), ("PATCH", one, {"app_version": "1"}), ("DELETE", one, None)]
    stranger = api(make_site(name="Other"))
    for method, path, sent in asked:
        assert call(Client(), method, path, sent)[0] == 401
        assert call(api(site, "subscribers:read"), method, path, sent)[0] == 403
        assert call(stranger, method, path, sent)[0] in {400, 404}
        gone = path.replace(str(device.public_id), str(uuid.uuid4()))
        assert call(api(site), method, gone, sent)[0] in {201, 404}
    device.refresh_from_db()
    assert (device.state, device.app_version) == (Subscription.State.ACTIVE, "")
    assert Subscription.objects.filter(site=site).count() == 2


def examples(path: str, method: str) -> dict[str, Any]:
    """Those of the request, by name, from the published schema."""
    content = conformance.document()["paths"][path][method]["requestBody"]["content"]
    found: dict[str, Any] = content["application/json"]["examples"]
    return {name: example["value"] for name, example in found.items()}


def test_the_published_examples_are_accepted_and_as_the_schema_says(site: Site) -> None:
    client = api(site)
    registrations = examples(URL, "post")
    assert len(registrations) == 3
    assert BUNDLE in str(registrations)
    for name, body in registrations.items():
        assert call(client, "POST", URL, body)[0] in {200, 201}, name
        fits("DeviceRequest", body)
    # The last one took the permission of the first back.
    states = Subscription.objects.order_by("pk").values_list("state", flat=True)
    assert list(states) == ["inbox", "active"]
    device = Subscription.objects.latest("pk")
    for name, body in examples(f"{URL}{{public_id}}/", "patch").items():
        assert call(client, "PATCH", f"{URL}{device.public_id}/", body)[0] == 200, name
        fits("PatchedDeviceChangeRequest", body)


def fits(shape: str, body: Any) -> None:
    components = conformance.document()["components"]
    schema = {"$ref": f"#/components/schemas/{shape}", "components": components}
    Draft202012Validator(schema).validate(body)


def test_a_phone_and_a_server_may_both_register(site: Site) -> None:
    """The customer's server passes on what the app says; the app may report itself, too."""
    phone = Phone(app_site(site))
    _status, said = call(api(site), "POST", URL, phone.body | {"external_id": "FF-7"})
    assert answer(phone.register())["id"] == said["id"]
    assert Subscription.objects.get().subscriber.external_id == "FF-7"
