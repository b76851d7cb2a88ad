"""What becomes of events and carts when people are named, merged or erased."""

import threading
from typing import Any

import pytest
from django.db import connection, transaction

from subscribers import events, identity
from subscribers.models import Cart, Event, Subscriber
from tests.factories import make_site, make_subscriber
from tests.subscribers.browsers import Browser

CART = {"items": [{"product": "SKU-1", "price": 399}]}


def event(person: Subscriber, name: str = "viewed", **properties: Any) -> dict[str, Any]:
    return {"name": name, "subscriber": str(person.pk), "properties": properties}


def anonymous_with_a_cart() -> tuple[Browser, Subscriber]:
    """A visitor who has not signed in, looked at something and put it into the cart."""
    visitor = Browser(make_site())
    visitor.subscribe()
    person = Subscriber.objects.get()
    items = [event(person), event(person, "cart_updated", **CART)]
    assert [one.status for one in events.take_in(visitor.site, items)] == ["stored"] * 2
    return visitor, person


@pytest.mark.django_db
def test_whoever_is_named_keeps_them() -> None:
    visitor, person = anonymous_with_a_cart()
    visitor.change(external_id="ann")
    assert set(Event.objects.values_list("subscriber", flat=True)) == {person.pk}
    assert Cart.objects.get().subscriber == person


@pytest.mark.django_db
def test_whoever_signs_in_takes_them_along_and_leaves_nothing_behind() -> None:
    visitor, anonymous = anonymous_with_a_cart()
    target = make_subscriber(visitor.site, external_id="ann")
    events.take_in(visitor.site, [event(target)])
    visitor.change(external_id="ann")
    assert Subscriber.objects.get() == target
    assert not Event.objects.filter(subscriber_id=anonymous.pk).exists()
    assert Event.objects.filter(subscriber=target).count() == 3
    assert (Cart.objects.get().subscriber, Cart.objects.get().state) == (target, "open")


@pytest.mark.django_db
def test_whoever_has_another_device_keeps_their_own() -> None:
    visitor, anonymous = anonymous_with_a_cart()
    other = Browser(visitor.site)
    other.subscribe()
    made = Subscriber.objects.exclude(pk=anonymous.pk)
    made.get().subscriptions.update(subscriber=anonymous)
    made.delete()
    make_subscriber(visitor.site, external_id="ann")
    visitor.change(external_id="ann")
    assert Event.objects.filter(subscriber=anonymous).count() == 2
    assert Cart.objects.get().subscriber == anonymous


@pytest.mark.django_db
def test_another_person_signing_in_does_not_inherit() -> None:
    visitor, person = anonymous_with_a_cart()
    visitor.change(external_id="ann")
    visitor.change(external_id="ben")
    assert set(Event.objects.values_list("subscriber", flat=True)) == {person.pk}
    assert Cart.objects.get().subscriber == person


@pytest.mark.django_db
def test_nothing_is_kept_of_the_erased() -> None:
    visitor, person = anonymous_with_a_cart()
    bystander = make_subscriber(visitor.site)
    events.take_in(visitor.site, [event(bystander), event(bystander, "cart_updated", **CART)])
    identity.erase(person)
    assert set(Event.objects.values_list("subscriber", flat=True)) == {bystander.pk}
    assert Cart.objects.get().subscriber == bystander


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("ending", ["erased", "merged"])
def test_events_that_come_meanwhile_are_not_left_behind(ending: str) -> None:
    """Recording holds its people: who ends one waits for it, and takes its events along."""
    visitor, person = anonymous_with_a_cart()
    target = make_subscriber(visitor.site, external_id="ann")
    said: list[str] = []
    failed: list[Exception] = []
    start = threading.Barrier(2)

    def report() -> None:
        try:
            start.wait(30)
            for _ in range(50):
                items = [event(person), event(target), event(person, "cart_updated", **CART)]
                said.extend(one.status for one in events.take_in(visitor.site, items))
        except Exception as error:
            failed.append(error)
        finally:
            connection.close()

    reporter = threading.Thread(target=report)
    reporter.start()
    start.wait(30)
    if ending == "erased":
        identity.erase(person)
    else:
        visitor.change(external_id="ann")
    reporter.join()
    assert failed == []
    assert not Event.objects.filter(subscriber_id=person.pk).exists()
    assert not Cart.objects.filter(pk=person.pk).exists()
    assert Event.objects.filter(subscriber=target).count() >= 50
    assert said.count("stored") + said.count("refused") == 150


@pytest.mark.django_db(transaction=True)
def test_whoever_erases_waits_for_what_is_being_recorded() -> None:
    visitor, person = anonymous_with_a_cart()
    held, erased = threading.Event(), threading.Event()

    def erase() -> None:
        try:
            held.wait(30)
            identity.erase(person)
            erased.set()
        finally:
            connection.close()

    eraser = threading.Thread(target=erase)
    eraser.start()
    with transaction.atomic():
        events.take_in(visitor.site, [event(person)])
        held.set()
        with connection.cursor() as cursor:
            while not erased.is_set():
                cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
                if cursor.fetchone()[0]:
                    break
        assert not erased.is_set()
    eraser.join()
    assert erased.is_set()
    assert not Event.objects.exists()
    result = events.take_in(visitor.site, [event(person)])[0]
    assert result.refusal and result.refusal.field == "subscriber"
