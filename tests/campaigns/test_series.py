"""Campaigns that repeat: each occurrence goes out once, whatever happens to the tickers."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine
from django.db import transaction

from accounts.models import AuditEvent, Role, Site
from campaigns import approvals, moments, series, starting, terms
from campaigns.models import Campaign, Message, Policy, Run
from campaigns.refusals import Refused
from tests.campaigns.locks import Meanwhile
from tests.factories import make_campaign, make_member, make_site, make_subscription

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
MONDAY = datetime(2026, 11, 23, 9, 0)  # noqa: DTZ001 - a wall time
DUE = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
WEEK = timedelta(weeks=1)


@pytest.fixture
def site(db: None) -> Site:
    site = make_site(time_zone="Europe/Oslo")
    make_subscription(site)
    return site


def weekly(site: Site, **fields: object) -> Campaign:
    """A series on Mondays at 09:00 in Oslo, scheduled on the Sunday before the first."""
    fields = {"recurrence": "FREQ=WEEKLY;BYDAY=MO", "name": "News"} | fields
    parent = make_campaign(site, **fields)
    with time_machine.travel(NOON, tick=False):
        starting.schedule(parent, MONDAY, "Europe/Oslo")
    return parent


def tick(now: datetime) -> int:
    with time_machine.travel(now, tick=False):
        return starting.start_due(now)


def test_each_occurrence_is_a_campaign_of_its_own(site: Site) -> None:
    rules = {"priority": 70, "topic": "news", "once_key": "k", "holdout": 5, "expiry_minutes": 60}
    rules |= {"devices": "mobile", "inbox": True, "inbox_days": 7}
    message = {"utm_term": "x", "ttl": 60, "translations": {"nb": {"title": "Nytt"}}}
    message["app"] = {"ios": {"sound": "bell.caf"}}
    parent = weekly(site, message=message, throttle=600, **rules)
    assert parent.scheduled_for == DUE
    assert tick(DUE - timedelta(seconds=1)) == 0
    assert tick(DUE) == 1
    assert tick(DUE) == 0
    made = Campaign.objects.get(parent=parent)
    assert (made.name, made.state) == ("News · Mon 23 Nov", Campaign.State.RUNNING)
    assert {name: getattr(made, name) for name in rules} == rules
    assert (made.throttle, made.recurrence) == (600, "")
    assert moments.naive(made.occurrence) == moments.wall_of(made) == MONDAY
    assert made.audience_id != parent.audience_id
    assert made.audience.rule == parent.audience.rule
    own = ("id", "campaign_id", "version", "created_at")
    said = [
        {k: v for k, v in vars(Message.objects.get(campaign=one)).items() if k not in own}
        for one in (parent, made)
    ]
    for one in said:
        del one["_state"]
    assert said[0] == said[1]
    run = Run.objects.get()
    assert run.campaign == made
    assert run.expires_at == DUE + timedelta(hours=1)
    parent.refresh_from_db()
    assert (parent.state, parent.scheduled_for) == (Campaign.State.SCHEDULED, DUE + WEEK)


def test_after_the_last_it_is_finished(site: Site) -> None:
    parent = weekly(site, recurrence="FREQ=WEEKLY;BYDAY=MO;COUNT=2")
    assert [tick(DUE), tick(DUE + WEEK), tick(DUE + 2 * WEEK)] == [1, 1, 0]
    parent.refresh_from_db()
    assert (parent.state, parent.occurrence) == (Campaign.State.FINISHED, None)
    assert Run.objects.count() == 2


def test_days_that_are_left_out(site: Site) -> None:
    parent = weekly(site, exceptions=[date(2026, 11, 23), date(2026, 12, 7)])
    assert parent.scheduled_for == DUE + WEEK
    tick(DUE + WEEK)
    parent.refresh_from_db()
    assert parent.scheduled_for == DUE + 3 * WEEK
    shown = series.preview(parent, DUE + WEEK + timedelta(days=3), 2)
    assert [(wall.date(), out) for wall, _at, out in shown] == [
        (date(2026, 12, 7), True),
        (date(2026, 12, 14), False),
        (date(2026, 12, 21), False),
    ]


def test_what_was_missed_is_named_and_not_sent(site: Site) -> None:
    parent = weekly(site)
    assert tick(DUE + WEEK + timedelta(days=1)) == 0
    parent.refresh_from_db()
    assert parent.state == Campaign.State.SCHEDULED
    assert parent.scheduled_for == DUE + 2 * WEEK
    assert "2 up to Mon 30 Nov 09:00 were not sent" in parent.attention
    assert AuditEvent.objects.get(action="campaign.missed").detail["walls"] == [
        "2026-11-23T09:00:00",
        "2026-11-30T09:00:00",
    ]
    assert not Run.objects.exists()
    assert tick(DUE + 2 * WEEK) == 1
    parent.refresh_from_db()
    assert parent.attention == ""


def test_the_one_of_now_goes_out_though_another_was_missed(site: Site) -> None:
    parent = weekly(site)
    assert tick(DUE + WEEK) == 1
    parent.refresh_from_db()
    assert "The one of Mon 23 Nov 09:00 was not sent" in parent.attention
    assert Campaign.objects.get(parent=parent).name == "News · Mon 30 Nov"


def test_a_series_that_cannot_go_out_asks(site: Site) -> None:
    parent = weekly(site)
    parent.messages.update(title="")
    assert tick(DUE) == 0
    parent.refresh_from_db()
    assert (parent.state, parent.occurrence) == (Campaign.State.DRAFT, None)
    assert "no title" in parent.attention
    assert Campaign.objects.count() == 1


def test_scheduled_anew_it_repeats_nothing_that_went_out(site: Site) -> None:
    parent = weekly(site, timing=Campaign.Timing.LOCAL)
    first = parent.scheduled_for
    assert first == datetime(2026, 11, 22, 19, 0, tzinfo=UTC)
    assert tick(first) == 1
    with time_machine.travel(first + timedelta(hours=1), tick=False):
        parent.refresh_from_db()
        starting.unschedule(parent)
        starting.schedule(parent, MONDAY, "Europe/Oslo")
    assert moments.naive(parent.occurrence) == MONDAY + WEEK


@pytest.mark.parametrize("act", [starting.start, starting.send_soon])
def test_a_series_is_not_sent_at_once(site: Site, act: object) -> None:
    assert callable(act)
    parent = weekly(site)
    with pytest.raises(Refused, match="It repeats"):
        act(parent)


def test_a_series_without_a_day_to_come_is_refused(site: Site) -> None:
    parent = make_campaign(site, recurrence="FREQ=WEEKLY;BYDAY=MO;COUNT=1")
    with pytest.raises(Refused, match="never comes"):
        starting.schedule(parent, datetime(2020, 1, 6, 9), "UTC")  # noqa: DTZ001


def test_cancelling_a_series_stops_what_is_to_come(site: Site) -> None:
    parent = weekly(site)
    tick(DUE)
    parent.refresh_from_db()
    starting.cancel(parent)
    assert tick(DUE + WEEK) == 0
    assert Campaign.objects.get(parent=parent).state == Campaign.State.RUNNING


def test_the_yes_to_a_series_holds_for_its_occurrences(site: Site) -> None:
    Policy.objects.create(site=site, approval=Policy.Approval.ALWAYS)
    alice, bob = (make_member(site, Role.OWNER), make_member(site, Role.MARKETER))
    parent = make_campaign(site, name="News", recurrence="FREQ=WEEKLY;BYDAY=MO")
    with time_machine.travel(NOON, tick=False):
        terms.edit(parent, {"scheduled_wall": MONDAY, "scheduled_zone": "Europe/Oslo"}, by=bob)
        asked = approvals.ask(parent, by=bob)
        approvals.decide(asked, alice, approvals.Verdict.APPROVED)
        starting.schedule(parent, MONDAY, "Europe/Oslo")
    assert [tick(DUE), tick(DUE + WEEK)] == [1, 1]
    parent.refresh_from_db()
    parent.messages.update(title="Another")
    assert tick(DUE + 2 * WEEK) == 0
    parent.refresh_from_db()
    assert parent.state == Campaign.State.DRAFT
    assert "void" in parent.attention


def test_a_fault_leaves_no_half(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    parent = weekly(site)

    def killed(*_args: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(series, "move_on", killed)
        with pytest.raises(SystemExit):
            tick(DUE)
    assert Campaign.objects.count() == 1
    assert tick(DUE) == 1
    assert Campaign.objects.filter(parent=parent).count() == 1


@pytest.fixture
def meanwhile() -> Iterator[Meanwhile]:
    other = Meanwhile()
    yield other
    other.pool.shutdown()


@pytest.mark.django_db(transaction=True)
def test_two_tickers_at_once(meanwhile: Meanwhile) -> None:
    site = make_site(time_zone="Europe/Oslo")
    parent = weekly(site)
    with time_machine.travel(DUE, tick=False), transaction.atomic():
        assert starting.start_due(DUE) == 1
        other = meanwhile.start(lambda: starting.start_due(DUE))
    assert other.result() == 0
    assert Campaign.objects.filter(parent=parent).count() == 1
    assert Run.objects.count() == 1
