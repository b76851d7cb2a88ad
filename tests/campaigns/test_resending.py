"""Unknown is sent again by an explicit act: once by each, and never to who proves to have it."""

import json
from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEvent, Role, Site
from campaigns import reports, resending, sending, starting
from campaigns.models import Batch, Campaign, Delivery, Run
from campaigns.refusals import Refused
from campaigns.resending import Preview
from campaigns.tracking import Receipt, receive
from subscribers.models import Subscription, TestDevice
from tests.campaigns import senders
from tests.campaigns.engine import check_books, drive
from tests.campaigns.senders import FakeService
from tests.factories import (
    PUSH_ORIGIN,
    make_campaign,
    make_site,
    make_subscription,
    make_user,
)

pytestmark = pytest.mark.django_db
AsRole = Callable[[Role], Client]


def device(site: Site, name: str, origin: str = PUSH_ORIGIN) -> Subscription:
    return make_subscription(site, endpoint=f"{origin}/wpush/v2/{name}")


def doubtful(site: Site, *names: str) -> tuple[Campaign, FakeService]:
    """A finished campaign in which those are unknown and one other was accepted."""
    for name in (*names, "fine"):
        device(site, name)
    campaign = make_campaign(site)
    service = FakeService(**dict.fromkeys(names, senders.UNKNOWN))
    drive(starting.start(campaign), service)
    campaign.refresh_from_db()
    return campaign, service


def send_on(run: Run, service: FakeService) -> None:
    for batch in Batch.objects.filter(run=run).order_by("pk"):
        sending.deliver(batch.pk, service)
    check_books(run)


def row_of(name: str) -> Delivery:
    device = Subscription.objects.get(endpoint__endswith=f"/{name}")
    return Delivery.objects.get(subscription_id=device.pk)


def token_of(service: FakeService, name: str) -> str:
    at = next(n for n, url in enumerate(service.log) if url.endswith(f"/{name}"))
    return str(json.loads(service.payloads[at])["notification"]["data"]["t"])


def test_a_finished_campaign_goes_on_and_sends_only_what_was_unknown(site: Site) -> None:
    campaign, service = doubtful(site, "a", "b")
    run = Run.objects.get()
    assert campaign.state == Campaign.State.FINISHED
    assert resending.resend(campaign, expected=2) == 2
    campaign.refresh_from_db()
    run.refresh_from_db()
    assert (campaign.state, run.state, run.finished_at) == ("running", "running", None)
    batch = Batch.objects.get()
    assert (batch.pending, batch.unknown, batch.resent) == (2, 0, 2)
    check_books(run)
    service.answers.clear()
    send_on(run, service)
    run.refresh_from_db()
    assert run.state == Run.State.FINISHED
    assert reports.run_counts(run)["accepted"] == 3
    row = row_of("a")
    assert (row.resends, row.attempts, row.state) == (1, 2, Delivery.State.ACCEPTED)
    assert len(service.log) == 5
    event = AuditEvent.objects.get(action="campaign.resent")
    assert event.detail == {"deliveries": 2}


def test_unknown_once_more_may_be_sent_again_by_another_act(site: Site) -> None:
    campaign, service = doubtful(site, "a")
    run = Run.objects.get()
    for times in (1, 2):
        assert resending.resend(campaign, expected=1) == 1
        send_on(run, service)
        assert resending.preview(run).before == 1
        assert row_of("a").resends == times
    assert Batch.objects.get().resent == 2


@pytest.mark.parametrize("expected", [0, 1, 3, -2])
def test_another_number_than_the_person_saw_changes_nothing(site: Site, expected: int) -> None:
    campaign, _service = doubtful(site, "a", "b")
    with pytest.raises(Refused, match="It is 2 deliveries now"):
        resending.resend(campaign, expected=expected)
    assert Delivery.objects.filter(state=Delivery.State.UNKNOWN, resends=0).count() == 2
    assert Batch.objects.get().unknown == 2
    check_books(Run.objects.get())


def test_pressing_twice_sends_once(site: Site) -> None:
    campaign, _service = doubtful(site, "a")
    resending.resend(campaign, expected=1)
    with pytest.raises(Refused, match="Nothing is unknown"):
        resending.resend(campaign, expected=1)
    assert row_of("a").resends == 1


def test_a_paused_campaign_stays_paused(site: Site) -> None:
    device(site, "a")
    device(site, "busy")
    campaign = make_campaign(site)
    run = starting.start(campaign)
    drive(run, FakeService(a=senders.UNKNOWN, busy=senders.BUSY))
    starting.pause(campaign)
    assert resending.resend(campaign, expected=1) == 1
    run.refresh_from_db()
    campaign.refresh_from_db()
    assert (run.state, campaign.state) == ("paused", "paused")
    service = FakeService()
    send_on(run, service)
    assert service.log == []


@pytest.mark.parametrize(
    ("state", "sentence"), [("cancelled", "was cancelled"), ("draft", "has not started")]
)
def test_what_was_cancelled_or_never_started_is_not_sent_again(
    site: Site, state: str, sentence: str
) -> None:
    if state == "draft":
        campaign = make_campaign(site)
    else:
        campaign, _service = doubtful(site, "a")
        Run.objects.update(state=state)
        Campaign.objects.update(state=state)
    with pytest.raises(Refused, match=sentence):
        resending.resend(campaign, expected=1)


def test_who_reported_or_left_gets_nothing_again_and_is_counted(site: Site) -> None:
    campaign, service = doubtful(site, "shown", "clicked", "closed", "left", "erased", "a")
    apple = device(site, "x", "https://web.push.apple.com")
    run = Run.objects.get()
    Delivery.objects.create(
        month=run.month, run=run, subscription_id=apple.pk, state=8, reason="sender_died", resends=1
    )
    Batch.objects.update(last=apple.pk, audience=8, unknown=7)
    for name, receipt in (("shown", "displayed"), ("clicked", "clicked"), ("closed", "dismissed")):
        assert receive(token_of(service, name), Receipt(receipt))
    Subscription.objects.filter(endpoint__endswith="/left").update(state="unsubscribed")
    Subscription.objects.filter(endpoint__endswith="/erased").delete()
    seen = resending.preview(run)
    reasons = {"timeout_after_request": 1, "sender_died": 1}
    assert seen == Preview(unknown=7, again=2, proven=3, left=2, apple=1, before=1, reasons=reasons)
    assert seen.unknown == seen.again + seen.proven + seen.left
    assert resending.resend(campaign, expected=2) == 2
    check_books(run)
    assert row_of("shown").state == Delivery.State.UNKNOWN
    assert resending.preview(run).unknown == 5


def test_nothing_is_previewed_of_a_draft() -> None:
    assert resending.preview(None) == Preview()


def test_a_test_run_is_not_sent_again(site: Site) -> None:
    user = make_user()
    TestDevice.objects.create(user=user, subscription=device(site, "mine"))
    campaign = make_campaign(site)
    drive(starting.send_test(campaign, user), FakeService(mine=senders.UNKNOWN))
    with pytest.raises(Refused, match="has not started"):
        resending.resend(campaign, expected=1)
    assert row_of("mine").state == Delivery.State.UNKNOWN


def test_a_device_that_reports_before_its_second_turn_gets_nothing_again(site: Site) -> None:
    campaign, service = doubtful(site, "a", "b")
    run = Run.objects.get()
    resending.resend(campaign, expected=2)
    assert receive(token_of(service, "a"), Receipt.CLICKED)
    check_books(run)
    row = row_of("a")
    assert (row.state, row.reason) == (Delivery.State.ACCEPTED, "receipt")
    service.answers.clear()
    send_on(run, service)
    assert [url.rsplit("/", 1)[-1] for url in service.log].count("a") == 1
    counts = reports.run_counts(run)
    assert (counts["accepted"], counts["displayed"], counts["clicked"]) == (3, 1, 1)
    assert Run.objects.get().state == Run.State.FINISHED


def test_a_device_that_reports_while_its_second_turn_waits_gets_nothing_again(site: Site) -> None:
    """The push service asked to wait when it was sent again: that was no proof about the first."""
    campaign, service = doubtful(site, "a")
    run = Run.objects.get()
    resending.resend(campaign, expected=1)
    service.answers["a"] = senders.BUSY
    send_on(run, service)
    assert row_of("a").state == Delivery.State.PLANNED
    assert receive(token_of(service, "a"), Receipt.DISPLAYED)
    check_books(run)
    assert row_of("a").state == Delivery.State.ACCEPTED


def test_cancelling_leaves_what_was_to_be_sent_again_unknown(site: Site) -> None:
    campaign, service = doubtful(site, "a", "b")
    run = Run.objects.get()
    resending.resend(campaign, expected=2)
    campaign.refresh_from_db()
    starting.cancel(campaign)
    send_on(run, service)
    counts = reports.run_counts(run)
    assert (counts["unknown"], counts["cancelled"], counts["pending"]) == (2, 0, 0)
    assert row_of("a").reason == "not_sent_again"
    # The first request may have arrived all the same.
    assert receive(token_of(service, "a"), Receipt.DISPLAYED)
    assert row_of("a").state == Delivery.State.UNKNOWN


# Over HTTP


def at(campaign: Campaign, name: str) -> str:
    return reverse(f"campaigns:{name}", args=[campaign.site_id, campaign.pk])


def test_a_marketer_sends_again_from_the_report(site: Site, bob: Client) -> None:
    campaign, _service = doubtful(site, "a", "b")
    answer = bob.post(at(campaign, "resend"), {"expected": "2"}, follow=True)
    assert answer.redirect_chain == [(at(campaign, "report"), 302)]
    assert "2 deliveries are sent again" in answer.content.decode()
    assert Delivery.objects.filter(state=Delivery.State.PLANNED, resends=1).count() == 2
    assert AuditEvent.objects.get(action="campaign.resent").actor is not None


@pytest.mark.parametrize("typed", ["", "two", "1", "3", "-2", "2.0", "9" * 5_000])
def test_without_the_right_number_nothing_is_sent(site: Site, bob: Client, typed: str) -> None:
    campaign, _service = doubtful(site, "a", "b")
    answer = bob.post(at(campaign, "resend"), {"expected": typed}, follow=True)
    assert "note-bad" in answer.content.decode()
    assert not Delivery.objects.filter(resends__gt=0).exists()


def test_a_viewer_sends_nothing_again(site: Site, as_role: AsRole) -> None:
    campaign, _service = doubtful(site, "a")
    assert as_role(Role.VIEWER).post(at(campaign, "resend"), {"expected": "1"}).status_code == 403
    assert as_role(Role.MARKETER).get(at(campaign, "resend")).status_code == 405
    assert not Delivery.objects.filter(resends__gt=0).exists()


def test_another_site_is_not_reached(site: Site, bob: Client) -> None:
    campaign, _service = doubtful(make_site(name="Other"), "a")
    path = reverse("campaigns:resend", args=[site.pk, campaign.pk])
    assert bob.post(path, {"expected": "1"}).status_code == 404
