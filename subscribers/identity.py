"""Who a device belongs to: the site's own id of a person, with its tags and attributes.

Locks are taken in one order, subscription then people by key, so that nobody waits in circles.
"""

import hashlib
import hmac
from typing import Any

from django.db import IntegrityError, transaction
from django.dispatch import Signal
from django.utils import timezone

from accounts import crypto
from accounts.models import Site
from subscribers import emails, erasure, events
from subscribers.incoming import MAX_TAGS, Change, Refused, Value, check_attributes_size
from subscribers.models import ConsentRecord, Subscriber, Subscription
from subscribers.races import look_again

# Sent with `source` and `target`, both locked, before an anonymous person goes up in another.
merged = Signal()


def signature(site: Site, external_id: str) -> str:
    """Hex HMAC-SHA256 of an external id under the identity secret, as a site's server makes it."""
    secret = crypto.decrypt(site.identity_secret)
    return hmac.new(secret, external_id.encode(), hashlib.sha256).hexdigest()


def check_signature(site: Site, change: Change) -> None:
    """A signature that was sent must be right; where the site requires one, it must be there.

    An address says who somebody is as an id does: a list of hashes may name people by it.
    """
    named = {"email", "email_sha256"} & set(change.attributes)
    if change.external_id is None and named and site.identity_required:
        name = min(named)
        sentence = "Identify with a signature in the same request, or set it from your server."
        raise Refused("signature", sentence, field=f"attributes.{name}", status=403)
    if change.external_id is None or (change.signature is None and not site.identity_required):
        return
    if change.signature is None:
        raise Refused("signature", "This site requires a signature.", field="signature", status=403)
    right = signature(site, change.external_id).encode()
    if not hmac.compare_digest(right, change.signature.lower().encode()):
        raise Refused(
            "signature",
            "The signature does not fit the external id.",
            field="signature",
            status=403,
        )


def change(subscription: Subscription, wanted: Change) -> Subscriber:
    """Carry out a change that a device asked for; returns the person it belongs to afterwards.

    Raises `Refused` when a person would have too many tags or too large attributes.
    """
    return look_again(lambda: _change(subscription, wanted))


@transaction.atomic
def _change(subscription: Subscription, wanted: Change) -> Subscriber:
    held = Subscription.objects.select_for_update().filter(pk=subscription.pk).first()
    if held is None:
        raise Refused("not_found", "There is no such subscription.", status=404)
    person = _identify(held, wanted.external_id) if wanted.external_id else _lock(held)
    tags = [tag for tag in person.tags if tag not in wanted.remove_tags]
    set_details(
        person,
        tags=[*tags, *(tag for tag in wanted.add_tags if tag not in tags)],
        attributes=person.attributes | wanted.attributes,
        topics=None if wanted.topics is None else list(wanted.topics),
    )
    return person


def set_details(
    person: Subscriber,
    *,
    tags: list[str],
    attributes: dict[str, Value | None],
    topics: list[str] | None = None,
) -> None:
    """Store tags, attributes and topics within their limits. An attribute of None goes."""
    if len(tags) > MAX_TAGS:
        raise Refused("too_many", f"A person has at most {MAX_TAGS} tags.", field="tags")
    kept = {name: value for name, value in attributes.items() if value is not None}
    check_attributes_size(kept)
    topics = person.topics if topics is None else topics
    email_hash = emails.hash_of(kept)
    stored = (person.tags, person.attributes, person.topics, person.email_hash)
    if (tags, kept, topics, email_hash) != stored:
        person.tags, person.attributes = tags, kept
        person.topics, person.email_hash = topics, email_hash
        person.save(update_fields=["tags", "attributes", "topics", "email_hash"])


def part(subscription: Subscription) -> None:
    """A named person's device, which is locked, is nobody's until somebody signs in there."""
    if not Subscriber.objects.get(pk=subscription.subscriber_id).external_id:
        return
    subscription.subscriber = Subscriber.objects.create(site_id=subscription.site_id)
    _move(subscription, subscription.subscriber, moved_at=timezone.now())


def _move(subscription: Subscription, target: Subscriber, **changes: Any) -> None:
    Subscription.objects.filter(pk=subscription.pk).update(subscriber=target, **changes)
    ConsentRecord.objects.filter(subscription=subscription).update(subscriber=target)


def _lock(subscription: Subscription) -> Subscriber:
    return Subscriber.objects.select_for_update().get(pk=subscription.subscriber_id)


def _identify(subscription: Subscription, external_id: str) -> Subscriber:
    """The person with this external id, locked, to whom the device now belongs."""
    mine = Subscriber.objects.get(pk=subscription.subscriber_id)
    if mine.external_id == external_id:
        return _lock(subscription)
    others = Subscriber.objects.filter(site_id=subscription.site_id, external_id=external_id)
    target = others.first()
    if target is None and not mine.external_id:
        return _name(subscription, external_id)
    if target is None:
        # Somebody else signed in on this device. Its first owner keeps what is known of them.
        target = Subscriber.objects.create(site_id=subscription.site_id, external_id=external_id)
    locked = Subscriber.objects.select_for_update().filter(pk__in=[mine.pk, target.pk])
    people = {person.pk: person for person in locked.order_by("pk")}
    if len(people) < 2:
        raise IntegrityError("one of the two was erased meanwhile")
    mine, target = people[mine.pk], people[target.pk]
    _move(subscription, target, **({"moved_at": timezone.now()} if mine.external_id else {}))
    if not mine.external_id:
        _merge(mine, target)
    return target


def _name(subscription: Subscription, external_id: str) -> Subscriber:
    """Nobody has this id yet: the anonymous person turns out to be the one."""
    person = _lock(subscription)
    if person.external_id:
        raise IntegrityError("another device named this person meanwhile")
    person.external_id = external_id
    person.save(update_fields=["external_id"])
    return person


def _merge(anonymous: Subscriber, target: Subscriber) -> None:
    """What an anonymous visitor did counts for the person; what the person has said counts more."""
    tags = [*target.tags, *(tag for tag in anonymous.tags if tag not in target.tags)]
    attributes: dict[str, Any] = anonymous.attributes | target.attributes
    try:
        check_attributes_size(attributes)
    except Refused:
        attributes = target.attributes
    topics = [*target.topics, *(one for one in anonymous.topics if one not in target.topics)]
    target.tags, target.attributes = tags[:MAX_TAGS], attributes
    target.topics, target.email_hash = topics[:MAX_TAGS], emails.hash_of(attributes)
    target.created_at = min(target.created_at, anonymous.created_at)
    target.last_seen_at = max(target.last_seen_at, anonymous.last_seen_at)
    changed = ["tags", "attributes", "topics", "email_hash", "created_at", "last_seen_at"]
    target.save(update_fields=changed)
    if not anonymous.subscriptions.exists():
        events.move(anonymous, target)
        merged.send(Subscriber, source=anonymous, target=target)
        anonymous.delete()


@transaction.atomic
def erase(person: Subscriber) -> None:
    """Delete a person with devices, consent records, events and cart. Ledger rows name nobody then.

    Their browsers do not come back by themselves, only when somebody says yes again.
    """
    # Subscriptions first: the order in which everybody locks.
    erasure.remember(list(person.subscriptions.select_for_update().order_by("pk")))
    erasure.remember_name(person)
    # Nobody records an event of them between the two.
    Subscriber.objects.select_for_update().filter(pk=person.pk).first()
    events.erase(person)
    person.delete()
