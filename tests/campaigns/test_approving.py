"""Asking a second person on the review page, and answering."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Role, Site, User
from campaigns import approvals, drafting
from campaigns.models import Approval, Campaign, Cap, Message, Policy
from tests.factories import make_campaign, make_member, make_site, make_subscription

WALL = datetime(2099, 11, 26, 18, 0, tzinfo=UTC)


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
def jonas(site: Site) -> User:
    """Another marketer."""
    return make_member(site, Role.MARKETER, "jonas@example.com")


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


def at(campaign: Campaign, name: str, *more: object) -> str:
    return reverse(f"campaigns:{name}", args=[campaign.site_id, campaign.pk, *more])


def text(content: bytes) -> str:
    """What a page says, without its tags."""
    words = " ".join(re.sub(r"<[^>]+>", " ", content.decode()).split())
    return re.sub(r" ([.,])", r"\1", words)


@pytest.fixture
def guarded(site: Site, campaign: Campaign, jonas: User) -> Campaign:
    """Of a site where each campaign is approved."""
    Policy.objects.update(approval=Policy.Approval.ALWAYS)
    return campaign


def test_from_asking_to_approval(
    client: Client, guarded: Campaign, marit: User, jonas: User
) -> None:
    page = client.get(at(guarded, "review"))
    assert "jonas@example.com can approve. Any later edit voids" in text(page.content)
    assert b'form="go-form"' not in page.content
    seen = {"seen": page.context["stamp"], "note": "For Thursday"}
    assert client.post(at(guarded, "approval_ask"), seen).status_code == 302
    said = text(client.get(at(guarded, "review")).content)
    assert "Waits for approval by jonas@example.com." in said and "For Thursday" in said
    assert client.post(at(guarded, "plan"), seen).status_code == 409
    request = Approval.objects.get()

    client.force_login(jonas)
    page = client.get(at(guarded, "review"))
    assert "marit@example.com asks you to approve this campaign." in text(page.content)
    answer = {"seen": page.context["stamp"], "verdict": "approved", "note": "Fine"}
    client.post(at(guarded, "approval_decide", request.pk), answer)
    assert approvals.standing(fresh(guarded)).state == approvals.State.APPROVED

    client.force_login(marit)
    page = client.get(at(guarded, "review"))
    assert "Approved by jonas@example.com ·" in text(page.content)
    client.post(at(guarded, "plan"), seen)
    assert fresh(guarded).state == Campaign.State.SCHEDULED


def test_declined_with_a_note(client: Client, guarded: Campaign, marit: User, jonas: User) -> None:
    request = approvals.ask(fresh(guarded), by=marit)
    client.force_login(jonas)
    answer = {"verdict": "declined", "note": "The price is wrong"}
    client.post(at(guarded, "approval_decide", request.pk), answer)
    client.force_login(marit)
    said = text(client.get(at(guarded, "review")).content)
    assert "jonas@example.com declined it. “The price is wrong”" in said
    assert "Ask again" in said


def test_void_says_what_was_changed(
    client: Client, guarded: Campaign, marit: User, jonas: User
) -> None:
    request = approvals.ask(fresh(guarded), by=marit)
    approvals.decide(request, jonas, approvals.Verdict.APPROVED)
    drafting.edit_message(guarded, {"title": "Another"}, marit)
    said = text(client.get(at(guarded, "review")).content)
    assert "The approval is void. Changed since: the message." in said


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({}, "Choose Approve or Decline."),
        ({"verdict": "maybe"}, "Choose Approve or Decline."),
        ({"verdict": "approved", "seen": "0"}, "something was changed. Look at it again"),
    ],
    ids=["nothing", "maybe", "another_page"],
)
def test_an_answer_that_is_refused_keeps_its_note(
    client: Client, guarded: Campaign, marit: User, jonas: User, data: dict[str, str], says: str
) -> None:
    request = approvals.ask(fresh(guarded), by=marit)
    client.force_login(jonas)
    note = {"note": "A long and careful note"}
    answer = client.post(at(guarded, "approval_decide", request.pk), data | note)
    assert answer.status_code == 409 and says in text(answer.content)
    assert ">A long and careful note</textarea>" in answer.content.decode()
    assert approvals.standing(fresh(guarded)).state == approvals.State.ASKED


def test_the_author_sees_that_somebody_else_answers(
    client: Client, guarded: Campaign, marit: User, jonas: User
) -> None:
    make_member(guarded.site, Role.ADMIN, "liv@example.com")
    request = approvals.ask(fresh(guarded), by=jonas)
    page = client.get(at(guarded, "review"))
    assert "You wrote some of it, so somebody else has to approve it." in text(page.content)
    answer = client.post(at(guarded, "approval_decide", request.pk), {"verdict": "approved"})
    assert answer.status_code == 409 and "You wrote some of it" in text(answer.content)


def test_asking_for_what_is_not_complete(client: Client, guarded: Campaign) -> None:
    Message.objects.update(title="")
    answer = client.post(at(guarded, "approval_ask"), {"note": "Please"})
    assert answer.status_code == 409 and not Approval.objects.exists()


def test_asking_where_none_is_needed(client: Client, campaign: Campaign) -> None:
    answer = client.post(at(campaign, "approval_ask"), {"note": "Please"})
    assert answer.status_code == 409
    assert "It needs no approval." in text(answer.content)


def test_another_campaigns_request_is_not_found(
    client: Client, guarded: Campaign, marit: User
) -> None:
    request = approvals.ask(fresh(guarded), by=marit)
    other = make_campaign(guarded.site)
    answer = client.post(at(other, "approval_decide", request.pk), {"verdict": "approved"})
    assert answer.status_code == 404


@pytest.mark.parametrize("name", ["approval_ask", "dry_run"])
def test_what_has_started_leads_to_its_report(
    client: Client, campaign: Campaign, name: str
) -> None:
    Campaign.objects.update(state=Campaign.State.RUNNING)
    assert client.post(at(campaign, name)).headers["Location"] == at(campaign, "report")


def test_open_requests_are_seen(
    client: Client, guarded: Campaign, marit: User, jonas: User
) -> None:
    approvals.ask(fresh(guarded), by=marit)
    listed = reverse("campaigns:list", args=[guarded.site_id])
    overview = reverse("campaigns:overview", args=[guarded.site_id])
    assert "Needs approval" in text(client.get(listed).content)
    assert "waits for your approval" not in text(client.get(overview).content)
    client.force_login(jonas)
    assert "Needs approval" in text(client.get(listed).content)
    assert "1 campaign waits for your approval" in text(client.get(overview).content)
    drafting.edit_message(guarded, {"title": "Another"}, None)
    assert "Needs approval" not in text(client.get(listed).content)
    assert "waits for your approval" not in text(client.get(overview).content)
