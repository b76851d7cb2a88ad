"""Several requests of one app at once, and of an app with somebody else."""

import threading
import uuid
from collections.abc import Iterator

import pytest
from django.db import connection, transaction

from accounts.models import Site
from subscribers import app_devices, consent, identity
from subscribers.incoming import Refused
from subscribers.incoming_apps import read_device
from subscribers.models import ConsentRecord, Subscriber, Subscription
from tests.campaigns.locks import Meanwhile
from tests.factories import make_credential, make_site
from tests.subscribers.phones import Phone, app_site, new_token

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def meanwhile() -> Iterator[Meanwhile]:
    other = Meanwhile()
    yield other
    other.pool.shutdown()


@pytest.fixture
def site() -> Site:
    site = app_site(make_site())
    make_credential(site)
    return site


def registered(phone: Phone) -> tuple[Subscription, bool]:
    return app_devices.register(phone.site, read_device(phone.body))


@pytest.mark.parametrize("same", ["install", "token", "both"])
def test_many_at_once_make_one(same: str, site: Site) -> None:
    """Of one app: the same installation with several tokens, or the other way round."""
    first = Phone(site)
    phones = [
        Phone(
            site,
            install=str(uuid.uuid4()) if same == "token" else first.install,
            token=new_token() if same == "install" else first.token,
        )
        for _ in range(8)
    ]
    start, statuses = threading.Barrier(len(phones)), []

    def go(phone: Phone) -> None:
        try:
            start.wait()
            external_id = "FF-7" if same == "both" else None
            statuses.append(phone.register(external_id=external_id).status_code)
        finally:
            connection.close()

    threads = [threading.Thread(target=go, args=(phone,)) for phone in phones]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] * 7 + [201]
    device = Subscription.objects.get()
    assert Subscriber.objects.get() == device.subscriber
    assert str(device.install_id) in {phone.install for phone in phones}
    assert ConsentRecord.objects.count() == 1


def test_two_phones_get_each_others_tokens_at_once(site: Site) -> None:
    one, two = Phone(site), Phone(site)
    one.register()
    two.register()
    mine, theirs = one.token, two.token
    start, statuses = threading.Barrier(2), []

    def go(phone: Phone, token: str | None) -> None:
        try:
            start.wait()
            phone.token = token
            statuses.append(phone.register().status_code)
        finally:
            connection.close()

    threads = [threading.Thread(target=go, args=args) for args in ((one, theirs), (two, mine))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200, 200]
    rows = Subscription.objects.filter(state=Subscription.State.ACTIVE)
    held = {str(row.install_id): row.endpoint.rpartition("/")[2] for row in rows}
    assert held == {one.install: theirs, two.install: mine}


def test_an_app_that_starts_while_its_person_is_erased(meanwhile: Meanwhile, site: Site) -> None:
    phone = Phone(site)
    device, _new = registered(phone)
    with transaction.atomic():
        identity.erase(device.subscriber)
        future = meanwhile.start(lambda: registered(phone))
        assert not future.done()
    with pytest.raises(Refused) as caught:
        future.result()
    assert caught.value.status == 410
    assert not Subscriber.objects.exists()


def test_a_new_token_while_the_old_one_is_called_closed(meanwhile: Meanwhile, site: Site) -> None:
    """The answer of the push service was about the address that the device no longer has."""
    phone = Phone(site)
    device, _new = registered(phone)
    old, phone.token = device.endpoint, new_token()
    with transaction.atomic():
        registered(phone)
        future = meanwhile.start(lambda: consent.mark_gone([device.pk], {device.pk: old}))
        assert not future.done()
    assert future.result() == 0
    assert Subscription.objects.get().state == Subscription.State.ACTIVE


def test_a_credential_that_is_removed_meanwhile(meanwhile: Meanwhile, site: Site) -> None:
    with transaction.atomic():
        site.credentials.filter(channel="fcm").delete()
        future = meanwhile.start(lambda: registered(Phone(site)))
    with pytest.raises(Refused) as caught:
        future.result()
    assert caught.value.code == "not_set_up"
    assert not Subscriber.objects.exists()
