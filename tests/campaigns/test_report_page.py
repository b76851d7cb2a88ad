"""The report of a campaign: numbers that add up while it runs."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.models import Role, Site
from campaigns import (
    planning,
    reports,
    starting,
    tokens,
    tracking,
)
from campaigns.models import Batch, Campaign, Delivery, Run
from tests.campaigns import senders
from tests.campaigns.engine import drive
from tests.campaigns.reporting import at, device, text
from tests.campaigns.senders import FakeService
from tests.factories import (
    make_campaign,
    make_site,
    make_subscriber,
)

pytestmark = pytest.mark.django_db


def test_equation_adds_up_and_each_part_leads_to_its_rows(mixed: Run, bob: Client) -> None:
    page = bob.get(at(mixed))
    said = text(page)
    assert "6 Audience" in said or "Audience 6" in said
    assert "It adds up." in said
    assert "The parts add up to" not in said
    assert "Look at the 1 unknown" in said
    assert f"{at(mixed)}?state=unknown#ledger".encode() in page.content
    assert "Left before it was their turn 1" in said
    assert "of 5 requests, 40.0%" in said


def test_reports_of_devices_with_honest_denominators(mixed: Run, bob: Client) -> None:
    row = Delivery.objects.get(run_id=mixed.pk, subscription__endpoint__endswith="/ok")
    key = tokens.make(tokens.DeliveryKey(mixed.month, mixed.pk, row.subscription_id))
    tracking.receive(key, tracking.Receipt.CLICKED)
    said = text(bob.get(at(mixed)))
    assert "Displayed, as devices report 1 50.0% of the accepted; some systems can’t report" in said
    assert "50.0% of the accepted, 100.0% of the displayed" in said
    clicked = text(bob.get(at(mixed), {"state": "clicked"}))
    assert "P ok" in clicked and "P fine" not in clicked


def test_live_part_costs_the_same_however_large_the_run(
    site: Site, bob: Client, django_assert_num_queries: DjangoAssertNumQueries, settings: Settings
) -> None:
    settings.SEND_BATCH = 2
    for number in range(9):
        device(site, f"d{number}")
    run = starting.start(make_campaign(site))
    planning.plan(run.pk)
    assert Batch.objects.filter(run=run).count() == 5
    # Session, person, membership; campaign, run, batches, version, on their way, parked.
    with django_assert_num_queries(9):
        part = bob.get(at(run, "report_live"))
    assert b'hx-trigger="every 1s' in part.content
    assert 'data-title="0% · Winter layers: 20% off down · Beckon"' in part.content.decode()
    assert b"campaigns_delivery" not in part.content


def test_speed_needs_a_sample_of_five_seconds(site: Site, bob: Client) -> None:
    device(site, "a")
    run = starting.start(make_campaign(site))
    planning.plan(run.pk)
    Batch.objects.filter(run=run).update(audience=1_000, pending=400, accepted=600)
    with time_machine.travel(timezone.now(), tick=False):
        past = timezone.now().timestamp() - 10
        page = bob.get(at(run, "report_live"), {"samples": f"{past};{run.pk}=300"})
    assert "30 a second, less than a minute left" in text(page)
    assert "a second" not in text(bob.get(at(run, "report_live")))


def test_live_part_of_a_paused_run_says_why(site: Site, bob: Client) -> None:
    device(site, "a")
    run = starting.start(make_campaign(site))
    planning.plan(run.pk)
    starting.pause(run.campaign, reason="Paused by Marit.")
    page = bob.get(at(run))
    assert "Paused by Marit. Resume it to go on where it stopped" in text(page)
    changed = bob.get(at(run, "report_live"), {"key": "running-1"})
    assert "Resume" in text(changed)


def test_draft_opens_in_the_composer(site: Site, bob: Client) -> None:
    campaign = make_campaign(site)
    page = bob.get(reverse("campaigns:report", args=[site.pk, campaign.pk]))
    assert page.headers["Location"].endswith(f"/campaigns/{campaign.pk}/message/")
    part = bob.get(reverse("campaigns:report_live", args=[site.pk, campaign.pk]))
    assert (part.status_code, part.headers["HX-Refresh"]) == (204, "true")
    for name in ("report_minutes", "ledger", "ledger_reasons", "list_live"):
        arguments = [site.pk] if name == "list_live" else [site.pk, campaign.pk]
        part = bob.get(reverse(f"campaigns:{name}", args=arguments), headers={"HX-Request": "true"})
        assert part.status_code == 200
    part = bob.get(reverse("campaigns:report_batches", args=[site.pk, campaign.pk]))
    assert part.status_code == 204


def test_scheduled_says_when_and_what(site: Site, bob: Client) -> None:
    campaign = make_campaign(site)
    wall = (timezone.now() + timedelta(days=2)).replace(tzinfo=None)
    starting.schedule(campaign, wall, "Europe/Oslo")
    said = text(bob.get(reverse("campaigns:report", args=[site.pk, campaign.pk])))
    assert "Goes out" in said and "Oslo" in said
    key = {"key": "scheduled-5"}
    live = reverse("campaigns:report_live", args=[site.pk, campaign.pk])
    assert bob.get(live, key).status_code == 204
    assert "Winter layers" in said and "Nobody would get it as things are." in said
    assert "Back to draft" in said and "Cancel before it goes out?" in said
    starting.cancel(campaign)
    said = text(bob.get(reverse("campaigns:report", args=[site.pk, campaign.pk])))
    assert "Nothing was sent to anybody." in said


@pytest.mark.parametrize(
    ("act", "there", "absent"),
    [
        ("", {"Pause", "Cancel for the 1 device"}, {"Resume"}),
        ("pause", {"Resume", "Cancel for the 1 device"}, {"Pausing"}),
        ("cancel", {"Duplicate"}, {"Resume", "Cancel for the"}),
    ],
)
def test_acts_by_state_and_role(
    site: Site, as_role: Callable[[Role], Client], act: str, there: set[str], absent: set[str]
) -> None:
    device(site, "a")
    run = starting.start(make_campaign(site))
    planning.plan(run.pk)
    if act:
        getattr(starting, act)(run.campaign)
    page = as_role(Role.MARKETER).get(at(run))
    html = page.content.decode()
    assert all(word in text(page) for word in there)
    assert not any(word in html for word in absent)
    seen_only = as_role(Role.VIEWER).get(at(run)).content.decode()
    assert f'method="post" action="/sites/{site.pk}/' not in seen_only


def test_minutes_in_steps_that_fit(mixed: Run, bob: Client) -> None:
    start = mixed.started_at
    Delivery.objects.filter(run_id=mixed.pk, state=Delivery.State.ACCEPTED).update(
        settled_at=start + timedelta(hours=5), displayed_at=start + timedelta(hours=5, minutes=1)
    )
    with time_machine.travel(start + timedelta(hours=5, minutes=30), tick=False):
        line = reports.timeline(mixed, timezone.now())
    assert line.step == 5
    assert len(line.accepted) == 67
    assert (sum(line.accepted), sum(line.displayed), sum(line.clicked)) == (2, 2, 0)
    page = text(bob.get(at(mixed, "report_minutes")))
    assert "Every 5 minutes" in page


def test_minutes_of_a_run_that_has_just_begun(site: Site, bob: Client) -> None:
    run = starting.start(make_campaign(site))
    assert "Nothing has been accepted yet." in text(bob.get(at(run, "report_minutes")))
    assert "No push service has answered yet." in text(bob.get(at(run)))


def test_somebody_else_s_campaign_is_not_there(mixed: Run) -> None:
    from tests.campaigns.conftest import as_user
    from tests.factories import make_member

    stranger = as_user(make_member(make_site(name="Other"), Role.OWNER))
    names = ("report", "report_live", "report_minutes", "report_batches", "ledger_reasons")
    for name in (*names, "ledger", "export"):
        assert stranger.get(at(mixed, name)).status_code == 404


def test_cadence_slows_down_after_the_end(mixed: Run, bob: Client) -> None:
    for age, seconds in ((timedelta(0), 3), (timedelta(hours=1), 15), (timedelta(days=2), 0)):
        Run.objects.filter(pk=mixed.pk).update(finished_at=timezone.now() - age)
        html = bob.get(at(mixed)).content.decode().split('id="minutes"')[0]
        assert (f'hx-trigger="every {seconds}s' in html) is bool(seconds)


def test_person_s_messages_newest_first_by_page(
    site: Site, bob: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from campaigns.views import people

    monkeypatch.setattr(people, "PAGE", 2)
    person = make_subscriber(site)
    for name in ("phone", "laptop"):
        device(site, name, subscriber=person)
    address = reverse("campaigns:person_messages", args=[site.pk, person.pk])
    assert "No message has been sent to this person yet." in text(bob.get(address))
    for name in ("First", "Second"):
        drive(starting.start(make_campaign(site, name=name)), FakeService(phone=senders.UNKNOWN))
    page = bob.get(address)
    assert text(page).count("Second") == 2 and "First" not in text(page)
    assert "no display reported" in text(page)
    older = re.search(r"before=([\d.]+)", page.content.decode())
    assert older
    page = bob.get(address, {"before": older[1]})
    assert text(page).count("First") == 2 and "Second" not in text(page)
    assert "Second" in text(bob.get(address, {"before": "x.y"}))


def test_campaign_state_of_a_person_s_test_is_named(site: Site, bob: Client) -> None:
    from accounts.models import User
    from subscribers.models import TestDevice

    phone = device(site, "phone")
    user = User.objects.get()
    TestDevice.objects.create(user=user, subscription=phone)
    drive(starting.send_test(make_campaign(site), user), FakeService())
    address = reverse("campaigns:person_messages", args=[site.pk, phone.subscriber_id])
    assert "test" in text(bob.get(address))
    assert Campaign.objects.get().state == Campaign.State.DRAFT
