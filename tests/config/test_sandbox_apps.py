"""The demo's apps: connected to the stand-in for FCM and APNs, and among the samples."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from pytest_django import Settings

from accounts.models import Site
from config import sandbox, sandbox_apps
from demo.appservice import run as apps
from demo.appservice.service import Service
from demo.pushservice import run as browsers
from subscribers import app_credentials, app_tokens
from subscribers.models import Channel, Subscription
from subscribers.transports import addresses
from subscribers.transports.client import PushClient
from subscribers.transports.fcm import request_for
from subscribers.transports.messages import AppEndpoint, Message, OutcomeKind, Urgency
from tests.factories import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def service(tmp_path: Path, settings: Settings) -> Iterator[Service]:
    settings.DEMO, settings.VAR_DIR = True, tmp_path
    with apps.running(tmp_path / "apps") as service:
        settings.APPS_PORT = urlsplit(service.origin).port
        settings.FCM_ORIGIN, settings.FCM_TOKEN_URI = service.fcm_origin, service.token_uri
        settings.APNS_ORIGIN = service.apns_origin
        settings.APNS_SANDBOX_ORIGIN = service.apns_sandbox_origin
        settings.PUSH_CA_FILE = str(service.ca_file)
        settings.EXTRA_PUSH_ORIGINS = service.origins
        yield service


@pytest.fixture
def site(service: Service) -> Site:
    return sandbox.demo_site(make_user(is_owner=True))


def test_the_demo_site_may_send_to_apps(service: Service, site: Site, tmp_path: Path) -> None:
    assert (tmp_path / "demo_app_key").read_text() == site.app_key != ""
    [device] = service.add(1, "fcm")
    credential = app_credentials.current(site, Channel.FCM)
    assert credential
    app_tokens.renew(credential)
    key = app_tokens.key_of(credential)
    assert key
    address = addresses.parse(addresses.fcm(credential.name, device.token))
    message = Message(b'{"notification":{"title":"Hi"}}', 60, Urgency.NORMAL, "")
    client = PushClient(ca_file=str(service.ca_file))
    request = request_for(AppEndpoint(address, key), message)
    client.start(1, request, extra_origins=service.origins)
    [(_ticket, outcome)] = client.step(10)
    client.close()
    assert outcome.kind is OutcomeKind.ACCEPTED
    assert [entry["token"] for entry in service.log.read()] == [device.token]


def test_some_samples_have_the_app(
    service: Service, site: Site, tmp_path: Path, settings: Settings
) -> None:
    with browsers.running(tmp_path / "push") as push:
        settings.PUSH_PORT = urlsplit(push.origin).port
        sandbox.add_samples(str(site.pk), 200)
    devices = Subscription.objects.filter(site=site)
    counts = {channel: devices.filter(channel=channel).count() for channel in Channel}
    assert counts == {"web": 150, "fcm": 30, "apns": 20}
    assert set(devices.filter(channel="apns").values_list("platform", flat=True)) == {"iOS"}
    assert not devices.filter(channel="web", browser="").exists()
    for device in devices.exclude(channel="web"):
        known = service.devices[addresses.parse(device.endpoint).value]
        assert known.install == str(device.install_id)
        assert device.endpoint.startswith(f"{known.service}://{known.app}/")


def test_without_the_stand_in_the_shop_has_no_apps(tmp_path: Path, settings: Settings) -> None:
    settings.DEMO, settings.VAR_DIR, settings.APPS_PORT = True, tmp_path, 9
    site = sandbox.demo_site(make_user(is_owner=True))
    assert site.app_key == ""
    assert sandbox_apps.new_devices(site, 100) == []
    assert not (tmp_path / "demo_app_key").exists()
