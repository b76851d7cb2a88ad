"""Receipts from devices: displayed, clicked, dismissed. Each changes its row once, or nothing."""

from collections.abc import Sequence
from datetime import timedelta
from enum import StrEnum
from typing import Any

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from campaigns import tokens
from campaigns.models import Batch, Delivery
from subscribers.models import Channel, Subscription

# A push service keeps a message for four weeks at most; a device may show it that late.
RECEIPT_DAYS = 35
# A device may report before the answer of its push service is on record.
SENT = (Delivery.State.SENDING, Delivery.State.ACCEPTED, Delivery.State.UNKNOWN)


class Receipt(StrEnum):
    """What a device reports; also the name of the batch counter."""

    DISPLAYED = "displayed"
    CLICKED = "clicked"
    DISMISSED = "dismissed"


def receive(token: str, receipt: Receipt) -> bool:
    """Note a receipt; whether it was new. Forged, foreign, late or repeated ones change nothing.

    A click proves a display, whose own receipt may have been lost.
    """
    try:
        key = tokens.read(token)
    except tokens.BadToken:
        return False
    # Asked without a lock: who repeats a receipt for ever holds up no sender.
    return _open(key, receipt).exists() and _count(key, receipt)


@transaction.atomic
def _count(key: tokens.DeliveryKey, receipt: Receipt) -> bool:
    # The batch before its rows: the order in which senders lock them.
    batches = Batch.objects.filter(run_id=key.run_id, first__lte=key.subscription_id)
    batch = batches.select_for_update().order_by("-first").only("receipts").first()
    news = [receipt] if _note(key, receipt) else []
    if receipt == Receipt.CLICKED and news and _note(key, Receipt.DISPLAYED):
        news.append(Receipt.DISPLAYED)
    if batch and news:
        changes: dict[str, Any] = {name: F(name) + 1 for name in news}
        Batch.objects.filter(pk=batch.pk).update(**changes, **_of_apps(key, batch, news))
        _spare(key, batch.pk)
    return bool(news)


def _of_apps(key: tokens.DeliveryKey, batch: Batch, news: Sequence[Receipt]) -> dict[str, Any]:
    """The batch's receipts by channel, with these. Those of browsers are the rest of all."""
    devices = Subscription.objects.filter(pk=key.subscription_id)
    channel = devices.values_list("channel", flat=True).first()
    if channel in (None, Channel.WEB):
        return {}
    counts = dict.fromkeys(Receipt, 0) | batch.receipts.get(channel, {})
    for name in news:
        counts[name] += 1
    return {"receipts": batch.receipts | {channel: counts}}


def _spare(key: tokens.DeliveryKey, batch_id: int) -> None:
    """Who was to be sent to again, and now proves to have it, is not."""
    spared = Delivery.objects.filter(**key._asdict(), state=Delivery.State.PLANNED).update(
        state=Delivery.State.ACCEPTED, reason="receipt", settled_at=timezone.now()
    )
    if spared:
        Batch.objects.filter(pk=batch_id).update(
            pending=F("pending") - 1, accepted=F("accepted") + 1
        )


def _note(key: tokens.DeliveryKey, receipt: Receipt) -> bool:
    return _open(key, receipt).update(**{f"{receipt}_at": timezone.now()}) == 1


def _open(key: tokens.DeliveryKey, receipt: Receipt) -> QuerySet[Delivery]:
    """The row of a token while it may still take this receipt."""
    # A browser may close a notification that was clicked, and report that too.
    unclicked = {"clicked_at": None} if receipt == Receipt.DISMISSED else {}
    sent = Q(state__in=SENT, sent_at__gt=timezone.now() - timedelta(days=RECEIPT_DAYS))
    # What is to be sent again was sent before: tried, and refused for now, or unknown and a person
    # wants it again (campaigns.resending), which may have lost the time.
    repeated = Q(state=Delivery.State.PLANNED, attempts__gt=0)
    to_be_repeated = repeated | Q(state=Delivery.State.UNKNOWN, sent_at=None, resends__gt=0)
    return Delivery.objects.filter(
        sent | to_be_repeated, **key._asdict(), **{f"{receipt}_at": None} | unclicked
    )
