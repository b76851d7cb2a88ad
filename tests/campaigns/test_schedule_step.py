"""The composer's schedule step: what is filled in, what it means, what is refused."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
import time_machine
from django.db import transaction
from django.test import Client
from django.urls import reverse

from accounts.models import Role, Site, User
from campaigns import approvals, drafting, moments, starting
from campaigns.models import Campaign, Policy
from campaigns.readiness import Standing
from tests.factories import make_campaign, make_member, make_site, make_subscription

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
NIGHT = datetime(2099, 6, 1, 18, 0)  # noqa: DTZ001 - a wall time
LATER = {"when": "later", "wall": "2026-11-26T18:00", "zone": "Europe/Oslo"}
REPEAT = {**LATER, "when": "repeat", "wall": "2026-11-23T09:00", "every": "1", "unit": "week"}


@pytest.fixture
def site(db: None) -> Site:
    return make_site(default_url="https://shop.example/", time_zone="Europe/Oslo")


@pytest.fixture
def bob(site: Site, client: Client) -> User:
    """The marketer who is signed in."""
    bob = make_member(site, Role.MARKETER, "bob@example.com")
    client.force_login(bob)
    return bob


@pytest.fixture
def campaign(site: Site, bob: User) -> Campaign:
    make_subscription(site)
    return make_campaign(site)


def at(campaign: Campaign, name: str, *more: object) -> str:
    return reverse(f"campaigns:{name}", args=[campaign.site_id, campaign.pk, *more])


def note(client: Client, campaign: Campaign, data: dict[str, Any]) -> str:
    return " ".join(client.get(at(campaign, "schedule_note"), data).content.decode().split())


@time_machine.travel(NOON, tick=False)
def test_schedule_notes_a_time_and_shows_what_it_means(client: Client, campaign: Campaign) -> None:
    data = {"when": "later", "wall": "2026-11-26T18:00", "zone": "Europe/Oslo"}
    answer = client.post(at(campaign, "schedule"), data | {"next": "1"})
    assert answer.headers["Location"] == at(campaign, "review")
    campaign.refresh_from_db()
    assert campaign.state == Campaign.State.DRAFT
    assert campaign.scheduled_for == datetime(2026, 11, 26, 17, 0, tzinfo=UTC)
    page = client.get(at(campaign, "schedule"))
    assert b"Thu 26 Nov 17:00" in page.content
    assert page.context["form"]["wall"].value() == datetime(2026, 11, 26, 18, 0)  # noqa: DTZ001
    client.post(at(campaign, "schedule"), {"when": "now"})
    campaign.refresh_from_db()
    assert campaign.scheduled_for is None


def test_a_speed_is_noted_and_explained(client: Client, campaign: Campaign) -> None:
    for _again in range(59):
        make_subscription(campaign.site)
    note = client.get(at(campaign, "schedule_note"), {"when": "now", "throttle": "6"})
    assert "At most 6 a minute: 60 devices take about 10 min" in note.content.decode()
    assert "shared with its other campaigns" not in note.content.decode()
    assert Campaign.objects.get().throttle is None
    client.post(at(campaign, "schedule"), {"when": "now", "throttle": "1,000"})
    assert Campaign.objects.get().throttle == 1_000
    Site.objects.update(throttle=60)
    for name in ("schedule", "message"):
        page = client.get(at(campaign, name)).content.decode()
        assert "At most 60 a minute: 60 devices take about 60 s" in page, name
    assert (
        "shared with its other campaigns" in client.get(at(campaign, "schedule")).content.decode()
    )
    client.post(at(campaign, "schedule"), {"when": "now", "throttle": ""})
    assert Campaign.objects.get().throttle is None


def test_a_time_that_is_refused_changes_no_speed(client: Client, campaign: Campaign) -> None:
    starting.schedule(campaign, NIGHT, "Europe/Oslo")
    form = {"when": "later", "wall": "2099-06-02T18:00", "zone": "UTC", "throttle": "60"}
    with transaction.atomic():
        starting.start(campaign)
        answer = client.post(at(campaign, "schedule"), form)
        transaction.set_rollback(True)
    assert answer.headers["Location"] == at(campaign, "report")
    assert Campaign.objects.get().throttle is None


@time_machine.travel(NOON, tick=False)
@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"when": "now", "throttle": "5"}, "throttle"),
        ({"when": "now", "throttle": "much"}, "throttle"),
        ({}, "when"),
        ({"when": "later"}, "wall"),
        ({"when": "later", "wall": "tomorrow", "zone": "UTC"}, "wall"),
        ({"when": "later", "wall": "2026-11-22T13:00", "zone": "Europe/Oslo"}, "wall"),
        ({"when": "later", "wall": "0001-01-01T00:00", "zone": "Asia/Tokyo"}, "wall"),
        ({"when": "later", "wall": "9999-12-31T23:59", "zone": "America/New_York"}, "wall"),
        ({"when": "later", "wall": "2026-11-26T18:00"}, "zone"),
        ({"when": "later", "wall": "2026-11-26T18:00", "zone": "Mars/Olympus"}, "zone"),
    ],
)
def test_schedule_refuses_with_a_sentence(
    client: Client, campaign: Campaign, data: dict[str, str], field: str
) -> None:
    page = client.post(at(campaign, "schedule"), data)
    assert set(page.context["form"].errors) == {field}
    note = client.get(at(campaign, "schedule_note"), data)
    assert b"field-errors" in note.content
    campaign.refresh_from_db()
    assert campaign.scheduled_for is None


@time_machine.travel(NOON, tick=False)
@pytest.mark.parametrize(
    ("wall", "says"),
    [
        ("2027-03-28T02:30", b"that time does not exist"),
        ("2027-10-31T02:30", b"that time comes twice"),
        ("2027-06-01T18:00", b"Tue 1 Jun 2027 16:00"),
    ],
)
def test_note_says_what_a_time_means(
    client: Client, campaign: Campaign, wall: str, says: bytes
) -> None:
    data = {"when": "later", "wall": wall, "zone": "Europe/Oslo"}
    assert says in client.get(at(campaign, "schedule_note"), data).content


def test_a_scheduled_campaign_moves_or_comes_back(client: Client, campaign: Campaign) -> None:
    starting.schedule(campaign, NIGHT, "Europe/Oslo")
    later = {"when": "later", "wall": "2099-06-02T18:00", "zone": "UTC"}
    client.post(at(campaign, "schedule"), later)
    campaign.refresh_from_db()
    assert campaign.state == Campaign.State.SCHEDULED
    assert campaign.scheduled_for == datetime(2099, 6, 2, 18, 0, tzinfo=UTC)
    client.post(at(campaign, "schedule"), {"when": "now"})
    campaign.refresh_from_db()
    assert not campaign.scheduled_for
    assert Campaign.objects.get().state == Campaign.State.DRAFT


# By local time, again and again, by rules of its own


@time_machine.travel(NOON, tick=False)
def test_by_local_time_every_zone_is_shown(client: Client, campaign: Campaign) -> None:
    for zone in ("Asia/Tokyo", "Europe/Stockholm", "Europe/Oslo", "", "Mars/Olympus"):
        make_subscription(campaign.site, time_zone=zone)
    said = note(client, campaign, LATER | {"timing": "local"})
    assert "3 time zones, first at" in said
    assert "Thu 26 Nov 09:00" in said and "Thu 26 Nov 17:00" in said
    assert "and 1 more" in said and "uses Europe/Oslo" in said
    assert "Skip them" not in said and ">6<" in said
    skipping = note(client, campaign, LATER | {"timing": "local", "no_zone": "skip"})
    assert "Zone not known" in skipping and "skipped" in skipping
    client.post(at(campaign, "schedule"), LATER | {"timing": "local", "late": "send"})
    campaign.refresh_from_db()
    assert (campaign.timing, campaign.late) == ("local", "send")
    assert campaign.scheduled_for == datetime(2026, 11, 26, 4, 0, tzinfo=UTC)
    assert b"first at" in client.get(at(campaign, "schedule")).content


@time_machine.travel(NOON, tick=False)
def test_a_local_time_that_has_passed_somewhere(client: Client, campaign: Campaign) -> None:
    make_subscription(campaign.site, time_zone="America/New_York")
    today = LATER | {"timing": "local", "wall": "2026-11-22T12:00"}
    assert "passed there: the next day" in note(client, campaign, today)
    assert "passed there: sent at once" in note(client, campaign, today | {"late": "send"})
    assert "passed, skipped" in note(client, campaign, today | {"late": "skip"})
    over = today | {"wall": "2026-11-20T12:00"}
    assert "That moment has passed" in note(client, campaign, over)


@time_machine.travel(NOON, tick=False)
@pytest.mark.parametrize(
    ("data", "rule"),
    [
        ({}, "FREQ=WEEKLY;BYDAY=MO"),
        ({"days": ["MO", "WE"], "every": "2"}, "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,WE"),
        ({"unit": "day", "every": "3"}, "FREQ=DAILY;INTERVAL=3"),
        ({"unit": "month", "monthly": "day"}, "FREQ=MONTHLY;BYMONTHDAY=23"),
        ({"unit": "month", "monthly": "weekday"}, "FREQ=MONTHLY;BYDAY=4MO"),
        ({"unit": "month", "monthly": "last_weekday"}, "FREQ=MONTHLY;BYDAY=-1MO"),
        ({"unit": "month", "monthly": "last_day"}, "FREQ=MONTHLY;BYMONTHDAY=-1"),
        ({"unit": "year"}, "FREQ=YEARLY"),
        ({"ends": "on", "until": "2026-12-31"}, "FREQ=WEEKLY;BYDAY=MO;UNTIL=20261231"),
        ({"ends": "after", "count": "5"}, "FREQ=WEEKLY;BYDAY=MO;COUNT=5"),
        ({"rrule": "freq=monthly;byday=-1fr"}, "FREQ=MONTHLY;BYDAY=-1FR"),
    ],
)
def test_a_series_is_noted_and_read_back(
    client: Client, campaign: Campaign, data: dict[str, Any], rule: str
) -> None:
    client.post(at(campaign, "schedule"), REPEAT | data)
    campaign.refresh_from_db()
    assert campaign.recurrence == rule
    form = client.get(at(campaign, "schedule")).context["form"]
    again = {name: form[name].value() for name in form.fields}
    filled = {name: value for name, value in again.items() if value not in (None, False)}
    client.post(at(campaign, "schedule"), filled | {"wall": REPEAT["wall"]})
    assert Campaign.objects.get().recurrence == rule


@time_machine.travel(NOON, tick=False)
def test_the_next_ten_are_shown_and_left_out_one_by_one(client: Client, campaign: Campaign) -> None:
    said = note(client, campaign, REPEAT)
    assert said.count('name="skip"') == 10 and "Mon 25 Jan 2027" in said
    left_out = REPEAT | {"skip": ["2026-11-30", "2029-01-01"]}
    said = note(client, campaign, left_out)
    assert said.count(" checked") == 1 and "1 other day is left out" in said
    client.post(at(campaign, "schedule"), left_out)
    campaign.refresh_from_db()
    assert campaign.exceptions == [date(2026, 11, 30), date(2029, 1, 1)]
    assert moments.naive(campaign.occurrence) == datetime(2026, 11, 23, 9)  # noqa: DTZ001
    client.post(at(campaign, "schedule"), REPEAT | {"when": "later"})
    campaign.refresh_from_db()
    assert (campaign.recurrence, campaign.exceptions, campaign.occurrence) == ("", [], None)


@time_machine.travel(NOON, tick=False)
@pytest.mark.parametrize(
    ("data", "field"),
    [
        (REPEAT | {"every": "0"}, "every"),
        (REPEAT | {"wall": "9999-12-31T23:59"}, "wall"),
        (REPEAT | {"every": "x"}, "every"),
        (REPEAT | {"ends": "on"}, "until"),
        (REPEAT | {"ends": "on", "until": "2026-01-01"}, "every"),
        (REPEAT | {"ends": "after"}, "count"),
        (REPEAT | {"rrule": "FREQ=SECONDLY"}, "rrule"),
        (REPEAT | {"skip": ["someday"]}, "skip"),
        (REPEAT | {"ends": "after", "count": "1", "skip": ["2026-11-23"]}, "every"),
        (LATER | {"timing": "sidereal"}, "timing"),
        (LATER | {"priority": "101"}, "priority"),
        (LATER | {"expiry": "0"}, "expiry"),
        (LATER | {"quiet": "off"}, "override_reason"),
        (LATER | {"caps": "off"}, "override_reason"),
        (LATER | {"topic": "x" * 65}, "topic"),
    ],
)
def test_what_is_refused_keeps_what_was_typed(
    client: Client, campaign: Campaign, data: dict[str, Any], field: str
) -> None:
    page = client.post(at(campaign, "schedule"), data)
    form = page.context["form"]
    assert set(form.errors) == {field}
    assert form["wall"].value() == data["wall"]
    campaign.refresh_from_db()
    assert campaign.scheduled_wall is None


@time_machine.travel(NOON, tick=False)
def test_rules_of_its_own(client: Client, campaign: Campaign) -> None:
    data = LATER | {
        "expiry": "3",
        "expiry_unit": "60",
        "priority": "80",
        "topic": "offers",
        "once_key": "winter",
        "transactional": "on",
        "uncounted": "on",
        "quiet": "off",
        "override_reason": "A recall",
    }
    assert "Nothing of it is sent after" in note(client, campaign, data)
    client.post(at(campaign, "schedule"), data)
    campaign.refresh_from_db()
    assert (campaign.expiry_minutes, campaign.priority, campaign.topic) == (180, 80, "offers")
    assert (campaign.once_key, campaign.transactional, campaign.counted) == ("winter", True, False)
    page = client.get(at(campaign, "schedule")).content.decode()
    assert "priority 80" in page and "A recall" in page


def test_an_edit_that_voids_the_approval_unschedules(client: Client, campaign: Campaign) -> None:
    starting.schedule(campaign, NIGHT, "Europe/Oslo")
    Policy.objects.create(site=campaign.site, approval=Policy.Approval.ALWAYS)
    later = {"when": "later", "wall": "2099-06-02T18:00", "zone": "UTC"}
    answer = client.post(at(campaign, "schedule"), later, follow=True)
    campaign.refresh_from_db()
    assert campaign.state == Campaign.State.DRAFT
    assert "second person" in campaign.attention
    assert b"It is no longer scheduled." in answer.content


@time_machine.travel(NOON, tick=False)
def test_a_local_time_that_has_begun_is_still_to_come(client: Client, campaign: Campaign) -> None:
    client.post(at(campaign, "schedule"), LATER | {"timing": "local", "wall": "2026-11-22T18:00"})
    assert client.get(at(campaign, "message")).context["standing"].problems == []
    client.post(at(campaign, "plan"))
    campaign.refresh_from_db()
    assert (campaign.state, campaign.scheduled_for) == (Campaign.State.SCHEDULED, NOON)
    with time_machine.travel(NOON.replace(day=24), tick=False):
        assert Standing(campaign).passed


@time_machine.travel(NOON, tick=False)
def test_a_series_is_planned_and_a_copy_keeps_the_rules(client: Client, campaign: Campaign) -> None:
    client.post(at(campaign, "schedule"), REPEAT | {"priority": "90"})
    with time_machine.travel(NOON.replace(day=25), tick=False):
        client.post(at(campaign, "plan"))
    campaign.refresh_from_db()
    assert campaign.state == Campaign.State.SCHEDULED
    assert campaign.scheduled_for == datetime(2026, 11, 30, 8, 0, tzinfo=UTC)
    copy = drafting.duplicate(campaign, None)
    assert (copy.priority, copy.recurrence, copy.scheduled_wall) == (90, "", None)


def test_devices_and_inbox_are_noted_and_said(client: Client, campaign: Campaign) -> None:
    assert "every device, not in the inbox" in client.get(at(campaign, "schedule")).content.decode()
    reach = {"devices": "recent", "inbox": "on", "inbox_days": "7"}
    client.post(at(campaign, "schedule"), {"when": "now"} | reach)
    campaign.refresh_from_db()
    assert (campaign.devices, campaign.inbox, campaign.inbox_days) == ("recent", True, 7)
    page = client.get(at(campaign, "schedule")).content.decode()
    assert "the one used last, in the inbox for 7 days" in page
    review = " ".join(client.get(at(campaign, "review")).content.decode().split())
    assert "<dd>The device that they used last</dd>" in review
    assert "<dd>For 7 days " in review
    client.post(at(campaign, "schedule"), {"when": "now", "inbox_days": "0"})
    campaign.refresh_from_db()
    assert (campaign.devices, campaign.inbox, campaign.inbox_days) == ("recent", False, 7)
    assert "Inbox" not in client.get(at(campaign, "review")).content.decode()


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"devices": "phones"}, "devices"),
        ({"inbox": "on", "inbox_days": "91"}, "inbox_days"),
        ({"inbox": "on", "inbox_days": "0"}, "inbox_days"),
        ({"inbox": "on", "inbox_days": "a week"}, "inbox_days"),
    ],
)
def test_odd_devices_and_days_are_refused(
    client: Client, campaign: Campaign, data: dict[str, str], field: str
) -> None:
    page = client.post(at(campaign, "schedule"), {"when": "now"} | data)
    assert set(page.context["form"].errors) == {field}
    assert Campaign.objects.get().inbox is False


@time_machine.travel(NOON, tick=False)
@pytest.mark.parametrize(
    "edit",
    [{"devices": "mobile"}, {"inbox": "on"}, {"inbox": "on", "inbox_days": "3"}],
    ids=["devices", "inbox", "days"],
)
def test_an_edit_of_devices_or_inbox_voids_an_approval(
    client: Client, campaign: Campaign, bob: User, edit: dict[str, str]
) -> None:
    before = {"inbox": "on"} if "inbox_days" in edit else {}
    client.post(at(campaign, "schedule"), LATER | before)
    Policy.objects.create(site=campaign.site, approval=Policy.Approval.ALWAYS)
    campaign.refresh_from_db()
    jonas = make_member(campaign.site, Role.MARKETER, "jonas@example.com")
    request = approvals.ask(campaign, by=bob)
    approvals.decide(request, jonas, approvals.Verdict.APPROVED)
    client.post(at(campaign, "plan"))
    assert Campaign.objects.get().state == Campaign.State.SCHEDULED
    answer = client.post(at(campaign, "schedule"), LATER | edit, follow=True)
    campaign.refresh_from_db()
    assert campaign.state == Campaign.State.DRAFT
    assert "on which devices it is shown, or the inbox" in campaign.attention
    assert b"It is no longer scheduled." in answer.content
