"""Permission as a state: who changes the row writes the record."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import User
from subscribers import consent
from subscribers.models import ConsentRecord, Prompt, Subscription
from tests.factories import make_site, make_subscription

pytestmark = pytest.mark.django_db
Action = ConsentRecord.Action


def actions() -> list[str]:
    return list(ConsentRecord.objects.order_by("id").values_list("action", flat=True))


@pytest.mark.parametrize("action", [Action.UNSUBSCRIBED, Action.DENIED, Action.REMOVED])
def test_leave(action: Action) -> None:
    device = make_subscription(make_site())
    before = device.state_at
    assert consent.leave(device, action)
    assert device.state == "unsubscribed"
    assert not consent.leave(device, action)
    device.refresh_from_db()
    assert (device.state, actions()) == ("unsubscribed", [action])
    assert device.state_at > before


def test_leave_by_somebody(alice: User) -> None:
    device = make_subscription(make_site())
    consent.leave(device, Action.REMOVED, actor=alice)
    record = ConsentRecord.objects.get()
    assert record.actor == alice
    assert (record.browser, record.platform) == ("Firefox", "Linux")
    assert record.device == "Firefox, Linux"
    assert str(record).startswith("Unsubscribed by the team")


def test_leave_after_gone() -> None:
    """A person who leaves must not come back when the push service changes its mind."""
    device = make_subscription(make_site())
    consent.mark_gone([device.pk])
    assert consent.leave(device, Action.UNSUBSCRIBED)
    device.refresh_from_db()
    assert device.state == "unsubscribed"


@pytest.mark.parametrize("action", [Action.GRANTED, Action.GONE, Action.RESTORED])
def test_no_way_to_leave(action: Action) -> None:
    with pytest.raises(ValueError, match="no way to leave"):
        consent.leave(make_subscription(make_site()), action)


def test_leave_all() -> None:
    site = make_site()
    first = make_subscription(site)
    make_subscription(site, subscriber=first.subscriber)
    other = make_subscription(site)
    assert consent.leave_all(first.subscriber, Action.REMOVED) == 2
    assert consent.leave_all(first.subscriber, Action.REMOVED) == 0
    other.refresh_from_db()
    assert (other.state, actions()) == ("active", [Action.REMOVED] * 2)


def test_mark_gone() -> None:
    site = make_site()
    active, left, untouched = (make_subscription(site) for _ in range(3))
    consent.leave(left, Action.UNSUBSCRIBED)
    ids = [active.pk, left.pk, 10**9]
    assert consent.mark_gone(ids) == 1
    assert consent.mark_gone(ids) == 0
    assert consent.mark_gone([]) == 0
    states = dict(Subscription.objects.values_list("pk", "state"))
    assert states == {active.pk: "gone", left.pk: "unsubscribed", untouched.pk: "active"}
    assert actions() == [Action.UNSUBSCRIBED, Action.GONE]


def test_restore() -> None:
    site = make_site()
    device = make_subscription(site)
    where = consent.Circumstances(Prompt.objects.get(site=site), "https://shop.example/")
    assert not consent.restore(device, where)
    consent.mark_gone([device.pk])
    assert consent.restore(device, where)
    assert not consent.restore(device, where)
    record = ConsentRecord.objects.latest("id")
    assert (record.action, record.prompt, record.page) == (
        Action.RESTORED,
        where.prompt,
        where.page,
    )
    assert record.is_gain


def test_restore_many(alice: User) -> None:
    site = make_site()
    gone, left, active, earlier = (make_subscription(site) for _ in range(4))
    consent.mark_gone([gone.pk, earlier.pk])
    consent.leave(left, Action.UNSUBSCRIBED)
    since = timezone.now() - timedelta(minutes=1)
    Subscription.objects.filter(pk=earlier.pk).update(state_at=since - timedelta(seconds=1))
    ids = [gone.pk, left.pk, active.pk, earlier.pk, 10**9]
    assert consent.restore_many(ids, alice, since) == 1
    assert consent.restore_many(ids, alice, since) == 0
    assert consent.restore_many([], alice, since) == 0
    states = dict(Subscription.objects.values_list("pk", "state"))
    assert states == {
        gone.pk: "active",
        left.pk: "unsubscribed",
        active.pk: "active",
        earlier.pk: "gone",
    }
    record = ConsentRecord.objects.latest("id")
    assert (record.action, record.actor, record.subscription) == (Action.RESTORED, alice, gone)
    gone.refresh_from_db()
    assert gone.state_at > since


def test_restore_many_reaches_back_30_days() -> None:
    site, now = make_site(), timezone.now()
    young, old = (make_subscription(site) for _ in range(2))
    consent.mark_gone([young.pk, old.pk])
    for device, days in ((young, 29), (old, 31)):
        Subscription.objects.filter(pk=device.pk).update(state_at=now - timedelta(days=days))
    assert consent.restore_many([young.pk, old.pk], None, now - timedelta(days=365)) == 1
    old.refresh_from_db()
    assert old.state == "gone"
