"""The review page: figures that add up, what is looked at, and the way out."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Role, Site, User
from campaigns import approvals, digests, drafting, forecasting, readiness
from campaigns.models import Campaign, Cap, DryRun, Message, Policy
from tests.factories import make_campaign, make_member, make_site, make_subscription

WALL = datetime(2099, 11, 26, 18, 0, tzinfo=UTC)
COUNTS = {
    "send": 40_232,
    "later": 988,
    "capped": 3_102,
    "holdout": 412,
    "aborted:missing price": 77,
    "gone_before": 5,
}
ZONES = [
    {"zone": "Asia/Tokyo", "at": "2099-11-26T09:00:00+00:00", "devices": 214},
    {"zone": "Europe/Oslo", "at": "2099-11-26T17:00:00+00:00", "devices": 35_000},
    {"zone": "Europe/Paris", "at": "2099-11-26T17:00:00+00:00", "devices": 117},
    {"zone": "America/New_York", "at": "2099-11-26T23:00:00+00:00", "devices": 4_750},
    {"zone": "", "at": "2099-11-26T17:00:00+00:00", "devices": 151},
]


@pytest.fixture
def site(db: None) -> Site:
    site = make_site(time_zone="Europe/Oslo")
    Policy.objects.create(site=site, quiet_start=time(21), quiet_end=time(9))
    Cap.objects.create(site=site, most=3, days=7)
    return site


@pytest.fixture
def marit(site: Site, client: Client) -> User:
    """The marketer who wrote it and is signed in."""
    marit = make_member(site, Role.MARKETER, "marit@example.com")
    client.force_login(marit)
    return marit


@pytest.fixture
def campaign(site: Site, marit: User) -> Campaign:
    make_subscription(site)
    return make_campaign(
        site,
        created_by=marit,
        timing="local",
        scheduled_wall=WALL,
        scheduled_zone="Europe/Oslo",
        scheduled_for=WALL,
    )


def fresh(campaign: Campaign) -> Campaign:
    return Campaign.objects.select_related("site", "audience").get(pk=campaign.pk)


def foretold(campaign: Campaign, **fields: Any) -> DryRun:
    """A dry run of a campaign as it is now."""
    fields = {
        "state": DryRun.State.DONE,
        "finished_at": datetime(2026, 11, 22, 17, 31, 7, tzinfo=UTC),
        "counts": COUNTS,
        "people": {"send": 34_000, "later": 900},
        "zones": ZONES,
        "starts_at": timezone.now(),
        "digest": approvals.digest(fresh(campaign)),
        "parts": digests.parts(fresh(campaign)),
    } | fields
    return DryRun.objects.create(campaign=campaign, **fields)


def at(campaign: Campaign, name: str, *more: object) -> str:
    return reverse(f"campaigns:{name}", args=[campaign.site_id, campaign.pk, *more])


def text(content: bytes) -> str:
    """What a page says, without its tags."""
    words = " ".join(re.sub(r"<[^>]+>", " ", content.decode()).split())
    return re.sub(r" ([.,])", r"\1", words)


# Who gets it


def test_one_sentence_and_reasons_that_add_up(client: Client, campaign: Campaign) -> None:
    foretold(campaign)
    answer = client.get(at(campaign, "review"))
    said = text(answer.content)
    assert (
        "41,220 devices of 34,900 people will get it on Thursday 26 November at 18:00 their own "
        "time, 988 of them from 09:00, when their quiet hours end. 3,596 will not, and here is "
        "why." in said
    )
    assert "Where 44,816 devices end" in said
    for words in (
        "Get it at 18:00 their own time 5 time zones",
        "Get it later, from 09:00 on",
        "Skipped: a cap is reached at most 3 in 7 days",
        "Control group Kept back on purpose to measure the effect",
        "Message stops itself: missing price",
        "Gone The push service says that the device left",
        "40,232 + 988 + 3,102 + 412 + 77 + 5 = 44,816, nobody is unaccounted for.",
        "Dry run, 18:31:07",
    ):
        assert words in said, words
    outlook = answer.context["outlook"]
    assert sum(row.count for row in outlook.rows) == outlook.total == 44_816


def test_zones_with_their_utc_minute(client: Client, campaign: Campaign) -> None:
    foretold(campaign)
    page = client.get(at(campaign, "review"))
    rows = [(one.words, one.devices) for one in page.context["outlook"].instants]
    assert rows == [
        ("Asia/Tokyo", 214),
        ("Europe/Oslo and 2 more", 35_268),
        ("America/New_York", 4_750),
    ]
    said = text(page.content)
    assert "Their clock says 18:00 in UTC Devices Asia/Tokyo Thu 09:00 214" in said
    assert "All zones 40,232" in said
    assert "Zone not known, uses Oslo" in page.content.decode()


def test_many_zones_are_folded(client: Client, campaign: Campaign) -> None:
    zones = [
        {"zone": f"Etc/{hour}", "at": f"2099-11-26T{hour:02}:00:00+00:00", "devices": 10}
        for hour in range(12)
    ]
    foretold(campaign, zones=zones, counts={"send": 120})
    said = text(client.get(at(campaign, "review")).content)
    assert "4 more zones 40 All zones 120" in said
    assert "Show the other 4 zones" in said


def test_a_code_that_is_new_is_shown_too(client: Client, campaign: Campaign) -> None:
    foretold(campaign, counts={"send": 1, "some_new_rule": 2})
    said = text(client.get(at(campaign, "review")).content)
    assert "Some new rule" in said and "1 + 2 = 3" in said


def test_nobody_gets_it(client: Client, campaign: Campaign) -> None:
    foretold(campaign, counts={"capped": 2}, zones=[])
    said = text(client.get(at(campaign, "review")).content)
    assert "Nobody would get it. 2 will not, and here is why." in said


# While it counts


def test_a_marketer_who_opens_it_has_it_counted(client: Client, campaign: Campaign) -> None:
    for _again in range(2):
        page = client.get(at(campaign, "review"))
    assert "Counting who gets it…" in text(page.content)
    run = DryRun.objects.get()
    assert run.digest == approvals.digest(fresh(campaign))


def test_a_viewer_does_not(client: Client, site: Site, campaign: Campaign) -> None:
    client.force_login(make_member(site, Role.VIEWER))
    page = client.get(at(campaign, "review"))
    assert "1 device of 1 person are in its audience." in text(page.content)
    assert not DryRun.objects.exists()
    assert client.post(at(campaign, "dry_run")).status_code == 403


def test_what_is_not_complete_is_not_counted(client: Client, site: Site, marit: User) -> None:
    empty = make_campaign(site, message={"title": ""})
    page = client.get(at(empty, "review"))
    assert "Nobody would get it now." in text(page.content)
    assert not DryRun.objects.exists()


def test_progress_until_it_is_done(client: Client, site: Site, campaign: Campaign) -> None:
    for _more in range(9):
        make_subscription(site)
    run = foretold(campaign, state=DryRun.State.RUNNING, seen_through=400, last_subscription=1_000)
    part = client.get(at(campaign, "review_outlook"))
    assert "Counting who gets it… 4 of 10" in text(part.content)
    assert b"every 1s" in part.content and "HX-Trigger" not in part.headers
    DryRun.objects.filter(pk=run.pk).update(state=DryRun.State.DONE)
    part = client.get(at(campaign, "review_outlook"))
    assert "41,220 devices" in text(part.content)
    assert b"every 1s" not in part.content
    assert part.headers["HX-Trigger"] == "beckon:counted"


def test_an_edit_makes_it_outdated(client: Client, site: Site, campaign: Campaign) -> None:
    foretold(campaign)
    drafting.edit_message(campaign, {"title": "Another"}, None)
    client.force_login(make_member(site, Role.VIEWER))
    said = text(client.get(at(campaign, "review")).content)
    assert "These figures are from before the message was changed." in said
    assert "41,220 devices" in said


def test_a_failed_one_says_why_and_runs_again(client: Client, campaign: Campaign) -> None:
    failed = foretold(campaign, state=DryRun.State.FAILED, error="The worker stopped.")
    said = text(client.get(at(campaign, "review")).content)
    assert "The dry run could not be finished. The worker stopped." in said
    answer = client.post(at(campaign, "dry_run"))
    assert answer.headers["Location"] == at(campaign, "review")
    assert DryRun.objects.exclude(pk=failed.pk).get().state == DryRun.State.RUNNING


def test_a_dry_run_that_is_refused_says_so(client: Client, site: Site, marit: User) -> None:
    empty = make_campaign(site, message={"title": ""})
    answer = client.post(at(empty, "dry_run"))
    assert answer.status_code == 409
    assert "The message has no title" in text(answer.content)


# What was set


def test_schedule_and_rules_in_words(client: Client, campaign: Campaign) -> None:
    Campaign.objects.update(
        recurrence="FREQ=WEEKLY",
        occurrence=WALL,
        exceptions=["2099-12-03"],
        expiry_minutes=120,
        quiet="off",
        caps="off",
        override_reason="A recall",
        once_key="recall",
        priority=80,
        topic="offers",
        holdout=5,
        throttle=6_000,
        counted=False,
        late="skip",
        no_zone="skip",
    )
    foretold(campaign)
    said = text(client.get(at(campaign, "review")).content)
    for words in (
        "When Thu 26 Nov 2099 18:00, each person&#x27;s own time",
        "Where the time has passed, people are skipped. Who has no known time zone is skipped.",
        "Without 3 Dec 2099",
        "At most 6,000 a minute",
        "Expires 2 h 0 min after its time",
        "Quiet hours Ignored, 21:00 to 09:00 Because: A recall",
        "Caps Ignored: At most 3 in 7 days Because: A recall",
        "Priority 80 of 100",
        "Send once recall",
        "Control group 5 % are kept back",
    ):
        assert words in said, words


def test_texts_are_filled_in_for_somebody(client: Client, campaign: Campaign) -> None:
    Message.objects.update(title="Hello {{ subscriber.first_name | default: 'you' }}")
    said = text(client.get(at(campaign, "review")).content)
    assert said.count("Hello you") == 4 and "would read it, one of many." in said


def test_texts_that_are_not_understood_are_said(client: Client, campaign: Campaign) -> None:
    Message.objects.update(title="Hello {{ subscriber.first_name")
    page = client.get(at(campaign, "review"))
    assert page.status_code == 200 and "It can't go out yet." in text(page.content)


def test_variants_and_languages_are_named(client: Client, campaign: Campaign) -> None:
    variant = {"weight": 50, "title": "Second words", "translations": {}}
    Message.objects.update(variants=[variant], translations={"nb": {"title": "Vinter"}})
    said = text(client.get(at(campaign, "review")).content)
    assert "Languages English, Norwegian Bokmål" in said
    assert "Variant B Second words 50.0%" in said


# The way out


@pytest.fixture
def at_once(site: Site, marit: User) -> Campaign:
    make_subscription(site)
    return make_campaign(site, created_by=marit)


def test_what_was_changed_meanwhile_is_not_sent(client: Client, at_once: Campaign) -> None:
    seen = client.get(at(at_once, "review")).context["stamp"]
    drafting.edit_message(at_once, {"title": "Another"}, None)
    answer = client.post(at(at_once, "start"), {"seen": seen, "site_name": "kept"})
    assert answer.status_code == 409
    assert "Since you opened this page, the message was changed." in text(answer.content)
    assert fresh(at_once).state == Campaign.State.DRAFT
    client.post(at(at_once, "start"), {"seen": answer.context["stamp"]})
    assert fresh(at_once).state != Campaign.State.DRAFT


def test_a_large_audience_asks_for_the_sites_name(
    client: Client, site: Site, at_once: Campaign
) -> None:
    Policy.objects.update(type_over=0)
    page = client.get(at(at_once, "review")).content.decode()
    assert 'data-confirm="Fjell &amp; Fjord"' in page and 'data-dialog="confirm-dialog"' in page
    for typed in ("", "1", "Fjell", "<b>"):
        refused = client.post(at(at_once, "start"), {"site_name": typed})
        assert refused.status_code == 409
        assert "Type the name of the site to go on: Fjell &amp; Fjord." in text(refused.content)
        assert b'id="confirm-dialog"' in refused.content and b" open>" in refused.content
    assert 'value="&lt;b&gt;"' in refused.content.decode()
    assert fresh(at_once).state == Campaign.State.DRAFT
    client.post(at(at_once, "start"), {"site_name": "  fjell & FJORD "})
    assert fresh(at_once).state != Campaign.State.DRAFT


@pytest.mark.parametrize(
    ("typed", "name", "means"),
    [
        ("fjell & fjord", "Fjell & Fjord", True),
        (" Fjell & Fjord\t", "Fjell & Fjord", True),
        ("Åse’s", "ÅSE'S", True),
        ("Fjell", "Fjell & Fjord", False),
        ("", "Fjell & Fjord", False),
        ("", "…", False),
    ],
)
def test_a_typed_name_is_read_kindly(typed: str, name: str, *, means: bool) -> None:
    assert readiness.confirms(typed, name) is means


def test_a_dry_run_is_the_planners(campaign: Campaign, marit: User) -> None:
    """What the page starts is of the campaign as it is."""
    run = forecasting.start(fresh(campaign), marit)
    assert run.digest == approvals.digest(fresh(campaign))
