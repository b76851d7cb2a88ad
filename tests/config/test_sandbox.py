from pathlib import Path
from urllib.parse import urlsplit

import django_rq
import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import Membership, Role, Site
from config import sandbox
from demo.pushservice.run import running
from subscribers.models import Cart, ConsentRecord, Event, Subscriber, Subscription
from tests.factories import make_member, make_site, make_user

pytestmark = pytest.mark.django_db


def client_of(site: Site, role: Role) -> Client:
    client = Client()
    client.force_login(make_member(site, role))
    return client


def test_samples_are_believable_and_live_at_the_sandbox(tmp_path: Path, settings: Settings) -> None:
    site = make_site()
    with running(tmp_path) as service:
        port = urlsplit(service.origin).port
        assert port
        settings.PUSH_PORT = port
        sandbox.add_samples(str(site.pk), 700)
        assert len(service.devices) == 700
    devices = Subscription.objects.filter(site=site)
    assert devices.count() == 700
    assert all(device.endpoint.startswith(service.origin) for device in devices)
    states = set(devices.values_list("state", flat=True))
    assert states == {Subscription.State.ACTIVE, Subscription.State.UNSUBSCRIBED}
    assert ConsentRecord.objects.filter(action="granted").count() == 700
    left = devices.filter(state=Subscription.State.UNSUBSCRIBED).count()
    assert ConsentRecord.objects.exclude(action="granted").count() == left
    assert 500 < Subscriber.objects.filter(site=site).count() < 700
    assert not Subscriber.objects.filter(subscriptions=None).exists()
    done = set(Event.objects.values_list("name__name", flat=True))
    assert done == {
        *("product_viewed", "wishlist_added", "cart_updated", "checkout_started", "purchase")
    }
    assert set(Cart.objects.values_list("state", flat=True)) == {"open", "bought"}
    known = Subscriber.objects.filter(site=site).exclude(external_id="")
    assert not known.filter(email_hash="").exists()


def test_the_demo_site_is_made_and_its_key_lies_where_the_shop_looks(
    tmp_path: Path, settings: Settings
) -> None:
    settings.DEMO, settings.VAR_DIR = True, tmp_path
    owner, client = make_user(is_owner=True), Client()
    client.force_login(owner)
    answer = client.post("/demo/site/")
    site = Site.objects.get()
    assert answer.headers["Location"] == f"/sites/{site.pk}/install/"
    assert (tmp_path / "demo_site_key").read_text() == site.key
    assert Membership.objects.get().role == Role.OWNER


def test_only_the_installations_owner_makes_the_demo_site(settings: Settings) -> None:
    settings.DEMO = True
    client = Client()
    client.force_login(make_user())
    assert client.post("/demo/site/").status_code == 403
    assert not Site.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_samples_are_ordered_once_and_by_admins(settings: Settings) -> None:
    settings.DEMO = True
    site = make_site()
    path = f"/sites/{site.pk}/samples/"
    assert client_of(site, Role.MARKETER).post(path).status_code == 403
    admin = client_of(site, Role.ADMIN)
    for _ in range(2):
        assert admin.post(path).status_code == 302
    assert django_rq.get_queue("default").job_ids == [f"samples-{site.pk}"]


def test_without_the_demo_neither_exists() -> None:
    site = make_site()
    client = Client()
    owner = make_member(site, Role.OWNER)
    owner.is_owner = True
    owner.save(update_fields=["is_owner"])
    client.force_login(owner)
    assert client.post("/demo/site/").status_code == 404
    assert client.post(f"/sites/{site.pk}/samples/").status_code == 404
