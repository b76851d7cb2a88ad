"""The report of a campaign: numbers that add up while it runs, and a ledger that says why."""

import csv
import re
from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.models import AuditEvent, Role, Site
from campaigns import pace, planning, reasons, reports, starting, tokens, tracking
from campaigns.models import Batch, Campaign, Delivery, Run
from subscribers.models import Subscription
from tests.campaigns import senders
from tests.campaigns.engine import drive
from tests.campaigns.senders import FakeService
from tests.factories import (
    PUSH_ORIGIN,
    make_campaign,
    make_site,
    make_subscriber,
    make_subscription,
)

pytestmark = pytest.mark.django_db


def device(site: Site, name: str, **fields: object) -> Subscription:
    return make_subscription(site, endpoint=f"{PUSH_ORIGIN}/wpush/v2/{name}", **fields)


@pytest.fixture
def mixed(site: Site) -> Run:
    """A finished run with one of every outcome that a push service gives, and two accepted."""
    for name in ("ok", "fine", "left", "big", "lost"):
        device(site, name, subscriber=make_subscriber(site, attributes={"name": f"P {name}"}))
    gone = device(site, "early")
    run = starting.start(make_campaign(site))
    planning.plan(run.pk)
    Subscription.objects.filter(pk=gone.pk).update(state=Subscription.State.UNSUBSCRIBED)
    drive(run, FakeService(left=senders.GONE, big=senders.REFUSED, lost=senders.UNKNOWN))
    return run


def at(run: Run, name: str = "report") -> str:
    return reverse(f"campaigns:{name}", args=[run.campaign.site_id, run.campaign_id])


def text(answer: object) -> str:
    """What a person reads, with single spaces."""
    words = re.sub(r"<[^>]+>", " ", answer.content.decode())  # type: ignore[attr-defined]
    return " ".join(words.split())


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


def test_ledger_says_what_happened_in_words(mixed: Run, bob: Client) -> None:
    said = text(bob.get(at(mixed)))
    for words in (
        "410: the device left; its subscription is closed",
        "413: the message is too large for this service",
        "No answer after the request left; not repeated",
        "201: the push service took it",
        "Left before it was their turn",
        "P big",
    ):
        assert words in said


def test_ledger_by_state_and_nothing_for_a_state_that_is_none(mixed: Run, bob: Client) -> None:
    unknown = bob.get(at(mixed), {"state": "unknown"})
    assert "P lost" in text(unknown)
    assert "P big" not in text(unknown)
    assert "P big" in text(bob.get(at(mixed), {"state": "nonsense"}))
    part = bob.get(at(mixed, "ledger"), {"state": "expired"}, headers={"HX-Request": "true"})
    assert "No device is in “Expired”." in text(part)
    without_script = bob.get(at(mixed, "ledger"), {"state": "gone"})
    assert without_script.headers["Location"] == f"{at(mixed)}?state=gone#ledger"


def test_ledger_pages_by_keyset_there_and_back(mixed: Run) -> None:
    ids = [row.subscription_id for row in reports.ledger(mixed).order_by("subscription_id")]

    def listed(page: reports.LedgerPage) -> list[int]:
        return [entry.delivery.subscription_id for entry in page.entries]

    first = reports.ledger_page(mixed, size=4)
    assert (listed(first), first.previous) == (ids[:4], 0)
    second = reports.ledger_page(mixed, after=first.next, size=4)
    assert (listed(second), second.next) == (ids[4:], 0)
    back = reports.ledger_page(mixed, before=second.previous, size=4)
    assert (listed(back), back.previous, back.next) == (ids[:4], 0, ids[3])
    assert reports.ledger_page(mixed, after=ids[-1]) == reports.LedgerPage()
    assert list(reports.ledger(mixed, "nonsense")) == []


def test_cursors_of_strangers_are_ignored(mixed: Run, bob: Client) -> None:
    for value in ("x", "-1", "٣", "9" * 40, "1.5"):
        page = bob.get(at(mixed), {"after": value, "before": value, "samples": value})
        assert "P ok" in text(page)


def test_erased_devices_stay_on_the_ledger(mixed: Run, bob: Client) -> None:
    Subscription.objects.filter(endpoint__endswith="/ok").delete()
    assert "Erased since" in text(bob.get(at(mixed)))
    services = text(bob.get(at(mixed, "report_services")))
    assert "Devices that were erased since 1" in services


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
    # Session, person, membership; campaign, run, sums, reasons, version.
    with django_assert_num_queries(8):
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


def test_live_part_of_what_waits_is_sent_only_when_it_changed(site: Site, bob: Client) -> None:
    device(site, "a")
    run = starting.start(make_campaign(site))
    planning.plan(run.pk)
    starting.pause(run.campaign, reason="Paused by Marit.")
    page = bob.get(at(run))
    assert "Paused by Marit. Resume it to go on where it stopped" in text(page)
    assert bob.get(at(run, "report_live"), {"key": "paused-5"}).status_code == 204
    changed = bob.get(at(run, "report_live"), {"key": "running-1"})
    assert "Resume" in text(changed)


def test_draft_opens_in_the_composer(site: Site, bob: Client) -> None:
    campaign = make_campaign(site)
    page = bob.get(reverse("campaigns:report", args=[site.pk, campaign.pk]))
    assert page.headers["Location"].endswith(f"/campaigns/{campaign.pk}/message/")
    part = bob.get(reverse("campaigns:report_live", args=[site.pk, campaign.pk]))
    assert (part.status_code, part.headers["HX-Refresh"]) == (204, "true")
    for name in ("report_minutes", "report_services", "ledger", "list_live"):
        arguments = [site.pk] if name == "list_live" else [site.pk, campaign.pk]
        part = bob.get(reverse(f"campaigns:{name}", args=arguments), headers={"HX-Request": "true"})
        assert part.status_code == 200


def test_scheduled_says_when_and_what(site: Site, bob: Client) -> None:
    campaign = make_campaign(site)
    wall = (timezone.now() + timedelta(days=2)).replace(tzinfo=None)
    starting.schedule(campaign, wall, "Europe/Oslo")
    said = text(bob.get(reverse("campaigns:report", args=[site.pk, campaign.pk])))
    assert "Goes out" in said and "Oslo" in said
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
    assert f'action="/sites/{site.pk}/' not in seen_only


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
    assert "No push service has answered yet." in text(bob.get(at(run, "report_services")))


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("fcm.googleapis.com", "Google FCM"),
        ("updates.push.services.mozilla.com", "Mozilla"),
        ("web.push.apple.com", "Apple"),
        ("wns2-db5p.notify.windows.com", "Windows"),
        ("127.0.0.1", "Sandbox on this machine"),
        ("push.example", "push.example"),
        ("evilgoogleapis.com", "evilgoogleapis.com"),
    ],
)
def test_services_by_name(host: str, name: str) -> None:
    assert reports.service_name(host) == name


def test_services_add_up(mixed: Run, bob: Client) -> None:
    device(make_site(), "elsewhere")
    found = reports.services(mixed)
    assert [(one.name, one.accepted, one.refused, one.gone, one.unknown) for one in found] == [
        ("Sandbox on this machine", 2, 1, 1, 1)
    ]
    assert "Sandbox on this machine 2 1 1 1" in text(bob.get(at(mixed, "report_services")))


def test_export_is_streamed_guarded_and_noted(
    mixed: Run, as_role: Callable[[Role], Client]
) -> None:
    person = Subscription.objects.get(endpoint__endswith="/ok").subscriber
    person.attributes = {"name": "=1+1"}
    person.save(update_fields=["attributes"])
    answer = as_role(Role.ADMIN).get(at(mixed, "export"), {"state": "accepted"})
    body = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
    rows = list(csv.DictReader(body.splitlines()))
    assert sorted(row["name"] for row in rows) == ["'=1+1", "P fine"]
    assert {row["state"] for row in rows} == {"accepted"}
    assert PUSH_ORIGIN not in body
    event = AuditEvent.objects.get(action="campaign.exported")
    assert event.detail == {"state": "accepted"}
    assert as_role(Role.MARKETER).get(at(mixed, "export")).status_code == 403


def test_export_goes_on_over_many_chunks(mixed: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from campaigns import exporting

    monkeypatch.setattr(exporting, "CHUNK", 2)
    assert len(list(exporting.lines(mixed))) == 1 + 6
    Subscription.objects.all().delete()
    assert len(list(exporting.lines(mixed))) == 1 + 6


def test_somebody_else_s_campaign_is_not_there(mixed: Run) -> None:
    from tests.campaigns.conftest import as_user
    from tests.factories import make_member

    stranger = as_user(make_member(make_site(name="Other"), Role.OWNER))
    for name in ("report", "report_live", "report_minutes", "report_services", "ledger", "export"):
        assert stranger.get(at(mixed, name)).status_code == 404


@pytest.mark.parametrize(
    ("state", "reason", "status", "words"),
    [
        (Delivery.State.PLANNED, "", None, "Not sent yet"),
        (Delivery.State.PLANNED, "429", 429, "429: the service asked us to slow down; will be"),
        (Delivery.State.REFUSED, "apple_badtopic", 400, "400: apple says “badtopic”"),
        (Delivery.State.REFUSED, "400", 400, "400: the push service refused it"),
        (Delivery.State.REFUSED, "new_code", None, "The push service refused it (new_code)"),
    ],
)
def test_reasons_in_words(state: int, reason: str, status: int | None, words: str) -> None:
    assert reasons.words(state, reason, status).startswith(words)


def test_every_skipped_reason_has_words() -> None:
    assert reasons.skipped("no_consent") == "Left before it was their turn"
    assert reasons.skipped("weekly_cap") == "Weekly cap"


def test_cadence_slows_down_after_the_end(mixed: Run, bob: Client) -> None:
    for age, seconds in ((timedelta(0), 3), (timedelta(hours=1), 15), (timedelta(days=2), 0)):
        Run.objects.filter(pk=mixed.pk).update(finished_at=timezone.now() - age)
        html = bob.get(at(mixed)).content.decode().split('id="minutes"')[0]
        assert (f'hx-trigger="every {seconds}s' in html) is bool(seconds)


def test_pace_carries_two_samples() -> None:
    first = pace.measure("", 100.0, {7: 10})
    assert (first.carry, dict(first.speeds)) == ("100.00;7=10", {})
    second = pace.measure(first.carry, 104.0, {7: 50})
    assert dict(second.speeds) == {}
    third = pace.measure(second.carry, 106.0, {7: 70})
    assert dict(third.speeds) == {7: 10.0}
    assert third.carry == "100.00;7=10~106.00;7=70"
    fourth = pace.measure(third.carry, 111.0, {7: 70, 8: 3})
    assert dict(fourth.speeds) == {7: pytest.approx(60 / 11)}
    assert fourth.carry == "106.00;7=70~111.00;7=70;8=3"
    assert dict(pace.measure(fourth.carry, 600.0, {7: 80}).speeds) == {}


@pytest.mark.parametrize("carried", ["nan;1=2", "x", "1;2", "1;a=b", "inf;7=0", "~", "99;7=999"])
def test_pace_ignores_samples_that_are_none(carried: str) -> None:
    assert dict(pace.measure(carried, 105.0, {7: 10}).speeds) == {}


@pytest.mark.parametrize(
    ("speed", "pending", "words"),
    [
        (60.0, 63_153, "60 a second, about 18 minutes left"),
        (0.05, 9, "3 a minute, about 3 minutes left"),
        (100.0, 1_000_000, "100 a second, about 3 hours left"),
        (0.0, 10, "nothing sent in the last seconds"),
        (5.0, 0, ""),
    ],
)
def test_pace_in_words(speed: float, pending: int, words: str) -> None:
    measured = pace.Pace("", {7: speed})
    assert measured.words(7, pending) == words
    assert measured.words(8, pending) == ""
    assert (measured.left(7, pending) in words) and measured.left(8, pending) == ""


@pytest.mark.parametrize(
    ("seconds", "words"), [(38, "38 s"), (1_260, "21 min"), (12_000, "3 h 20 min")]
)
def test_how_long_it_took(seconds: int, words: str) -> None:
    assert pace.took(seconds) == words


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
