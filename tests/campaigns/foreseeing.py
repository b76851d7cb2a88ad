"""Dry runs in tests: asking for one, and playing a campaign to its end to compare."""

from __future__ import annotations

from datetime import UTC, datetime

import time_machine
from django.utils import timezone

from campaigns import forecasting, planning, sending, starting
from campaigns.models import Batch, Campaign, Delivery, DryRun, Run
from tests.campaigns.engine import check_books
from tests.campaigns.senders import FakeService

NOON = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
ZONES = ["Europe/Oslo", "Asia/Tokyo", "America/New_York", "Pacific/Apia", "Asia/Kathmandu", ""]
STATE = Delivery.State


def foretell(campaign: Campaign) -> DryRun:
    dry_run = forecasting.start(campaign, None)
    forecasting.run(dry_run.pk)
    dry_run.refresh_from_db()
    assert dry_run.state == DryRun.State.DONE
    return dry_run


def outcome(row: Delivery) -> str:
    """What the ledger says, as a dry run says it."""
    if row.state == STATE.ACCEPTED:
        return "send"
    assert row.state in (STATE.SKIPPED, STATE.HOLDOUT, STATE.EXPIRED)
    return row.reason


def play(campaign: Campaign, clock: time_machine.Traveller) -> Run:
    """Start a campaign and turn the clock on to whatever is due until all is settled."""
    Campaign.objects.filter(pk=campaign.pk).update(
        state=Campaign.State.SCHEDULED, scheduled_for=timezone.now()
    )
    assert starting.start_due(timezone.now()) == 1
    run = Run.objects.get(campaign=campaign)
    planning.plan(run.pk)
    while due := Batch.objects.filter(run=run, due_at__isnull=False).order_by("due_at").first():
        assert due.due_at is not None
        clock.move_to(max(due.due_at, timezone.now()))
        sending.deliver(due.pk, FakeService())
        check_books(run)
        assert Run.objects.get(pk=run.pk).state != Run.State.PAUSED
    run.refresh_from_db()
    assert run.state == Run.State.FINISHED
    return run
