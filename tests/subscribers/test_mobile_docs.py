"""docs/mobile.md: whatever somebody copies from it is taken."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from accounts import api_keys, identity
from accounts.models import Site
from subscribers import signed_identity
from subscribers.api_devices import DeviceSerializer
from subscribers.models import Channel, Subscription
from tests.factories import make_credential, make_site
from tests.subscribers.phones import APP_KEY, Phone, app_site

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "mobile.md").read_text()
FIELDS = {"app_key", "identity", *DeviceSerializer().fields}
EVENTS = {"displayed", "opened", "dismissed"}


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)


def part(code: str, begin: str, end: str) -> str:
    """What stands in code after one text and before another."""
    return code.partition(begin)[2].partition(end)[0]


def in_kotlin() -> set[str]:
    """The fields that the Android app sends."""
    described = part("".join(blocks("kotlin")), "fun describe(", "return body")
    return set(re.findall(r'put\("(\w+)",', described)) - {"source"}


def in_swift() -> set[str]:
    described = part("".join(blocks("swift")), "static func register(", "await send(")
    return {*re.findall(r'^ +"(\w+)":', described, re.MULTILINE)} | {
        *re.findall(r'body\["(\w+)"\]', described)
    }


@pytest.fixture
def site(db: None) -> Site:
    site = app_site(make_site())
    make_credential(site)
    make_credential(site, Channel.APNS)
    return site


def test_the_examples_are_taken(site: Site) -> None:
    states = []
    for example in blocks("json"):
        body = json.loads(example)
        assert set(body) <= FIELDS
        method = "POST" if "platform" in body else "DELETE"
        response = Phone(site).send(method, body | {"app_key": APP_KEY})
        assert response.status_code in {200, 201, 204}, (example, response.content)
        states += [json.loads(response.content)["state"]] if response.content else ["left"]
    assert states == ["active", "active", "inbox", "left"]


def test_the_table_has_every_field() -> None:
    table = TEXT.partition("| field | |")[2].partition("\n\n")[0]
    names = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", table, re.MULTILINE)
    assert {name for cell in names for name in re.findall(r"\w+", cell)} == FIELDS


@pytest.mark.parametrize("apple", [False, True], ids=["Kotlin", "Swift"])
def test_what_the_code_sends_is_taken(apple: bool, site: Site) -> None:
    names = in_swift() if apple else in_kotlin()
    phone = Phone(site, apple=apple)
    values = phone.body | {"app_key": APP_KEY, "consent": {"source": "onboarding"}}
    values |= {"environment": "sandbox", "app": phone.body.get("app", "shop-app")}
    required = {"app_key", "install", "platform", "channel", "token", "app"}
    assert required | {"identity", "consent", "app_version", "language", "timezone"} <= names
    assert names <= FIELDS
    body: dict[str, Any] = {name: values[name] for name in names - {"identity"}}
    assert phone.send("POST", body).status_code == 201
    assert phone.send("POST", body | {"token": None}).status_code == 200
    assert Subscription.objects.get().state == "inbox"


@pytest.mark.parametrize("language", ["kotlin", "swift"])
def test_the_code_names_channels_and_events_that_are_known(language: str) -> None:
    code = "".join(blocks(language))
    assert set(re.findall(r'"(displayed|opened|dismissed)"', code)) == EVENTS
    channel, platform = ("fcm", "android") if language == "kotlin" else ("apns", "ios")
    assert re.search(rf'"channel"[,:] "{channel}"', code)
    assert re.search(rf'"platform"[,:] "{platform}"', code)


def test_the_events_are_taken(db: None) -> None:
    for event in EVENTS:
        body = json.dumps({"t": "x" * 40, "e": event})
        assert Client().post("/push/events/", body, "application/json").status_code == 204


def test_the_server_signs_as_the_example_does(site: Site) -> None:
    secret = identity.token_secret(site).decode()
    known: dict[str, Any] = {"SITE_KEY": site.key, "TOKEN_SECRET": secret}
    [example] = blocks("python")
    exec(example, known)  # noqa: S102 - our own document
    assert signed_identity.read(site, known["beckon_identity"]("customer-7")) == "customer-7"


def test_the_calls_of_a_server_are_taken(site: Site) -> None:
    _key, text = api_keys.create(site, "Shop", ["subscribers:write"])
    client = Client(headers={"Authorization": f"Bearer {text}"})
    register, change = (json.loads(said) for said in re.findall(r"-d '(.*?)'", TEXT, re.DOTALL))
    made = client.post("/api/v1/devices/", register, content_type="application/json")
    assert made.status_code == 201
    one = f"/api/v1/devices/{made.json()['id']}/"
    assert client.patch(one, change, content_type="application/json").status_code == 200
    assert client.delete(one).status_code == 204


def test_links_within_the_page_lead_somewhere() -> None:
    headings = re.findall(r"^#+ (.*)$", re.sub(r"```.*?```", "", TEXT, flags=re.DOTALL), re.M)
    anchors = {heading.lower().replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\]\(#([\w-]+)\)", TEXT)) <= anchors
