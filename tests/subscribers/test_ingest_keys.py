"""What becomes of a subscription when the site's push key changes, told from the server's side.

The snippet's side, with a real browser, is in tests/browser/test_rotation_firefox.py.
"""

import pytest
from django.db import connection, transaction
from django.test import Client

from accounts.models import Site, User
from subscribers import consent, ingest, vapid
from subscribers.incoming import Refused, read_subscription
from subscribers.models import ConsentRecord, Credential, Subscription
from subscribers.transports.keys import encode_base64url, generate_vapid
from tests.campaigns.locks import Meanwhile
from tests.factories import browser_keys
from tests.subscribers.browsers import Browser, answer, new_endpoint

pytestmark = pytest.mark.django_db


def rotated(site: Site, by: User) -> tuple[Credential, Credential]:
    old = vapid.current(site)
    return old, vapid.rotate(site, replaces=old.pk, by=by)


def move(visitor: Browser, key: str) -> int:
    """What the snippet does when the key differs: a new subscription, reported with the old
    secret."""
    before = visitor.auth
    visitor.endpoint, visitor.keys = new_endpoint(), browser_keys()
    return visitor.subscribe(key=key, auth=before, sync=True).status_code


def test_a_rotation_moves_the_device_and_keeps_everything_else(site: Site, adam: User) -> None:
    visitor = Browser(site)
    visitor.subscribe()
    before = Subscription.objects.get()
    old, new = rotated(site, adam)
    assert before.credential == old
    config = answer(Client().get(f"/push/{site.key}/config.json"))
    assert config["key"] == vapid.public_text(new)
    assert move(visitor, config["key"]) == 200
    after = Subscription.objects.get()
    assert (after.pk, after.public_id, after.subscriber_id) == (
        before.pk,
        before.public_id,
        before.subscriber_id,
    )
    assert (after.credential, after.state) == (new, "active")
    assert list(ConsentRecord.objects.values_list("action", flat=True)) == ["granted"]
    vapid.delete(old, by=adam)
    assert list(site.credentials.all()) == [new]


def test_a_device_that_has_not_moved_yet_keeps_its_key(site: Site, adam: User) -> None:
    visitor = Browser(site)
    visitor.subscribe()
    old, new = rotated(site, adam)
    said = answer(visitor.subscribe(key=vapid.public_text(old), sync=True))
    assert said["key"] == vapid.public_text(new)
    # The worker of an early version, or a page's own code, that does not say with which key.
    assert visitor.subscribe(sync=True).status_code == 200
    assert Subscription.objects.get().credential == old


def test_a_device_with_a_key_that_is_not_of_the_ring_is_repaired(site: Site) -> None:
    """As after the restore of a backup: the browser has a key that the database has forgotten."""
    visitor = Browser(site)
    visitor.subscribe()
    before = Subscription.objects.get()
    _private, forgotten = generate_vapid()
    visitor.endpoint, visitor.keys = new_endpoint(), browser_keys()
    refused = visitor.subscribe(key=encode_base64url(forgotten), sync=True)
    assert (refused.status_code, answer(refused)["field"]) == (400, "key")
    # The snippet compares with config.json before it reports, so it comes back like this.
    config = answer(Client().get(f"/push/{site.key}/config.json"))
    assert move(visitor, config["key"]) == 200
    after = Subscription.objects.get()
    assert (after.pk, after.endpoint) == (before.pk, visitor.endpoint)
    assert (after.credential, after.state) == (vapid.current(site), "active")


def test_a_device_that_was_refused_for_its_key_is_repaired_when_gone(
    site: Site, adam: User
) -> None:
    visitor = Browser(site)
    visitor.subscribe()
    _old, new = rotated(site, adam)
    consent.mark_gone([Subscription.objects.get().pk])
    assert move(visitor, vapid.public_text(new)) == 200
    after = Subscription.objects.get()
    assert (after.credential, after.state) == (new, "active")


@pytest.mark.django_db(transaction=True)
def test_a_key_that_is_deleted_meanwhile_is_refused(site: Site, adam: User) -> None:
    """The page was a minute old: its key was replaced and deleted before the visitor said yes."""
    old = vapid.current(site)
    ring = ingest.ring(site.key)
    assert ring is not None
    vapid.rotate(site, replaces=old.pk, by=adam)
    vapid.delete(old, by=adam)
    wanted = read_subscription(Browser(site).body)
    with pytest.raises(Refused) as refused:
        ingest.subscribe(ring, wanted, user_agent="")
    assert (refused.value.status, refused.value.field) == (400, "key")
    assert not Subscription.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_device_that_takes_a_key_while_it_is_deleted_is_refused(site: Site, adam: User) -> None:
    old = vapid.current(site)
    ring = ingest.ring(site.key)
    assert ring is not None
    vapid.rotate(site, replaces=old.pk, by=adam)
    wanted = read_subscription(Browser(site).body)
    with transaction.atomic():
        vapid.delete(old, by=adam)
        visit = Meanwhile().start(lambda: ingest.subscribe(ring, wanted, user_agent=""))
        assert not visit.done()
    with pytest.raises(Refused, match="not this site's"):
        visit.result()
    assert not Subscription.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_key_that_a_device_takes_meanwhile_is_not_deleted(site: Site, adam: User) -> None:
    old = vapid.current(site)
    ring = ingest.ring(site.key)
    assert ring is not None
    vapid.rotate(site, replaces=old.pk, by=adam)
    wanted = read_subscription(Browser(site).body)
    with transaction.atomic():
        ingest.subscribe(ring, wanted, user_agent="")
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        tidying = Meanwhile().start(lambda: vapid.delete(old, by=adam))
        assert not tidying.done()
    with pytest.raises(vapid.Refused, match="1 device has this key"):
        tidying.result()
    assert Subscription.objects.get().credential == old
