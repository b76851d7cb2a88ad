"""Permission given, withdrawn, lost and given back: conditional UPDATEs, each with a record.

Whoever changes the row writes the record, so two at once leave one record.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from subscribers.models import ConsentRecord, Prompt, Subscriber, Subscription

Action = ConsentRecord.Action
State = Subscription.State
# How long a person may take back what a push service said of a device.
RESTORABLE = timedelta(days=30)


@dataclass(frozen=True)
class Circumstances:
    """Where, when and in which words, somebody said yes. `at`: None for now.

    `page`: an address, or what an app calls the place; `wording`: of an app, which has no prompt.
    """

    prompt: Prompt | None = None
    page: str = ""
    wording: str = ""
    at: datetime | None = None


def record(
    subscription: Subscription,
    action: Action,
    *,
    actor: User | None = None,
    where: Circumstances | None = None,
) -> ConsentRecord:
    """Append to the history of a subscription, with what its row says now."""
    made = _row(subscription, action, actor=actor, where=where or Circumstances())
    made.save(force_insert=True)
    return made


def leave(subscription: Subscription, action: Action, *, actor: User | None = None) -> bool:
    """Stop messages to a device: UNSUBSCRIBED, DENIED or REMOVED by `actor`. False: it had left."""
    if action not in {Action.UNSUBSCRIBED, Action.DENIED, Action.REMOVED}:
        raise ValueError(f"{action} is no way to leave")
    with transaction.atomic():
        rows = Subscription.objects.filter(pk=subscription.pk).exclude(state=State.UNSUBSCRIBED)
        if not rows.update(state=State.UNSUBSCRIBED, state_at=timezone.now()):
            return False
        record(subscription, action, actor=actor)
    subscription.state = State.UNSUBSCRIBED
    return True


def leave_all(person: Subscriber, action: Action, *, actor: User | None = None) -> int:
    """Stop messages to all of a person's devices. Returns how many."""
    return sum(
        leave(subscription, action, actor=actor)
        for subscription in person.subscriptions.exclude(state=State.UNSUBSCRIBED)
    )


def allow(subscription: Subscription, where: Circumstances) -> bool:
    """An app that had only its inbox may show messages. False: it had more, or less."""
    with transaction.atomic():
        rows = Subscription.objects.filter(pk=subscription.pk, state=State.INBOX)
        if not rows.update(state=State.ACTIVE, state_at=timezone.now()):
            return False
        record(subscription, Action.GRANTED, where=where)
    subscription.state = State.ACTIVE
    return True


def withdraw(subscription: Subscription) -> bool:
    """Permission was taken back in a phone's settings; the app keeps its inbox. False: it had none.

    The address goes with it: that is the caller's part.
    """
    with transaction.atomic():
        rows = Subscription.objects.active().filter(pk=subscription.pk)
        if not rows.update(state=State.INBOX, state_at=timezone.now()):
            return False
        record(subscription, Action.UNSUBSCRIBED)
    subscription.state = State.INBOX
    return True


def restore(subscription: Subscription, where: Circumstances) -> bool:
    """A device that was gone or had left is back. False: it was active."""
    with transaction.atomic():
        rows = Subscription.objects.filter(pk=subscription.pk).exclude(state=State.ACTIVE)
        if not rows.update(state=State.ACTIVE, state_at=timezone.now()):
            return False
        record(subscription, Action.RESTORED, where=where)
    subscription.state = State.ACTIVE
    return True


def mark_gone(ids: Iterable[int], addresses: Mapping[int, str] | None = None) -> int:
    """The push service closed these addresses (404 or 410). Returns how many were active.

    `ids` are primary keys; `addresses`: the endpoint of each that was closed, so that a device
    which has moved to another one since stays. Soft: a later visit restores them.
    """
    with transaction.atomic():
        # In key order, so that two of these never wait for each other.
        active = Subscription.objects.active().filter(pk__in=list(ids)).order_by("pk")
        lost = [
            subscription
            for subscription in active.select_for_update(of=("self",))
            if addresses is None or addresses.get(subscription.pk) == subscription.endpoint
        ]
        keys = [subscription.pk for subscription in lost]
        Subscription.objects.filter(pk__in=keys).update(state=State.GONE, state_at=timezone.now())
        ConsentRecord.objects.bulk_create(
            _row(subscription, Action.GONE, actor=None, where=Circumstances())
            for subscription in lost
        )
    return len(lost)


def restore_many(ids: Iterable[int], actor: User | None, since: datetime) -> int:
    """Take back "gone" for devices that were marked so at `since` or later. Returns how many.

    `ids` are primary keys. Only what is gone now, and for less than 30 days: who left stays away,
    and who came back by themselves is not recorded twice. The address was wrongly called closed,
    or it is closed, and the next message says so again.
    """
    since = max(since, timezone.now() - RESTORABLE)
    with transaction.atomic():
        gone = Subscription.objects.filter(pk__in=list(ids), state=State.GONE, state_at__gte=since)
        # In key order, so that two of these never wait for each other.
        back = list(gone.order_by("pk").select_for_update(of=("self",)))
        keys = [subscription.pk for subscription in back]
        Subscription.objects.filter(pk__in=keys).update(state=State.ACTIVE, state_at=timezone.now())
        ConsentRecord.objects.bulk_create(
            _row(subscription, Action.RESTORED, actor=actor, where=Circumstances())
            for subscription in back
        )
    return len(back)


def _row(
    subscription: Subscription, action: Action, *, actor: User | None, where: Circumstances
) -> ConsentRecord:
    return ConsentRecord(
        site_id=subscription.site_id,
        subscriber_id=subscription.subscriber_id,
        subscription=subscription,
        action=action,
        at=where.at or timezone.now(),
        actor=actor,
        prompt=where.prompt,
        page=where.page,
        wording=where.wording,
        language=subscription.language,
        time_zone=subscription.time_zone,
        browser=subscription.browser,
        platform=subscription.platform,
    )
