"""Faults that a review of apps, their tokens, inboxes and devices of a person has found."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from accounts import crypto
from accounts.models import Site
from campaigns import inbox, planning, recording, sending, starting
from campaigns.claiming import Flight
from campaigns.ledger import Claimed
from campaigns.models import Campaign, Delivery, Run
from campaigns.recording import Landed
from subscribers import app_tokens, identity
from subscribers.incoming import Change
from subscribers.models import Channel, Credential
from subscribers.transports.messages import Outcome, OutcomeKind
from tests.campaigns.engine import check_books, drive
from tests.campaigns.senders import FakeService
from tests.factories import (
    make_app,
    make_campaign,
    make_credential,
    make_site,
    make_subscriber,
    make_subscription,
)

State = Delivery.State
WEB = {"version": 2, "all": [{"field": "channel", "op": "any_of", "values": ["web"]}]}


@pytest.fixture
def site(db: None) -> Site:
    return make_site()


def planned(campaign: Campaign) -> Run:
    run = starting.start(campaign)
    planning.plan(run.pk)
    return run


def renewed(credential: Credential, *, seconds: int = 3600) -> None:
    now = timezone.now()
    credential.token, credential.token_at = crypto.encrypt(b"fresh"), now
    credential.token_until = now + timedelta(seconds=seconds)
    credential.save()
    app_tokens.forget(credential.pk)


def ending(*credentials: Credential | None) -> None:
    """Their tokens still work for some minutes."""
    now = timezone.now()
    ages = {"token_at": now - timedelta(minutes=55), "token_until": now + timedelta(minutes=5)}
    Credential.objects.filter(pk__in=[one.pk for one in credentials if one]).update(**ages)


class Service(FakeService):
    """Answers with the second step only, and notes how long that was let wait."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[float] = []
        self.late = False

    def step(self, seconds: float) -> list[tuple[int, Outcome]]:
        if self.started:
            self.late = not self.late
            if not self.late:
                self.steps.append(seconds)
        return [] if self.late else super().step(seconds)


def test_all_apps_of_a_person_get_it_whatever_their_chunks(
    site: Site, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "BATCHES_PER_CHUNK", 1)
    settings.SEND_BATCH = 1
    ada = make_subscriber(site)
    phone = make_app(site, subscriber=ada)
    browser = make_subscription(site, subscriber=ada)
    tablet = make_app(site, Channel.APNS, subscriber=ada)
    run = planned(make_campaign(site, devices=Campaign.Devices.MOBILE))
    reasons = dict(run.deliveries.values_list("subscription_id", "reason"))
    assert reasons == {phone.pk: "", browser.pk: "other_device", tablet.pk: ""}


@pytest.mark.parametrize("first", ["web", "app"])
def test_who_gets_an_app_meanwhile_gets_it_once(
    site: Site, settings: Any, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    """Two people turn out to be one between two chunks."""
    monkeypatch.setattr(planning, "BATCHES_PER_CHUNK", 1)
    settings.SEND_BATCH = 1
    makes = [make_subscription, make_app] if first == "web" else [make_app, make_subscription]
    one, two = (make(site) for make in makes)
    run = starting.start(make_campaign(site, devices=Campaign.Devices.MOBILE))
    assert planning.plan_chunk(run.pk)
    identity.change(one, Change(external_id="ada"))
    identity.change(two, Change(external_id="ada"))
    planning.plan(run.pk)
    reasons = dict(run.deliveries.values_list("subscription_id", "reason"))
    assert reasons == {one.pk: "", two.pk: "other_device"}
    check_books(run)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("what", ["stale", "renew"])
def test_a_database_that_is_away_while_tokens_are_looked_at_loses_no_answer(
    monkeypatch: pytest.MonkeyPatch, settings: Any, what: str
) -> None:
    settings.SEND_WINDOW = 2
    site = make_site()
    credential = make_credential(site)
    for _ in range(4):
        make_app(site, credential=credential)
    run = planned(make_campaign(site))
    service, faults = Service(), 0
    works = renewed if what == "renew" else app_tokens.stale

    def fails(of: Any) -> object:
        nonlocal faults
        if not faults and (service.started or what == "renew"):
            faults += 1
            raise OperationalError("the server closed the connection unexpectedly")
        return works(of)

    monkeypatch.setattr(app_tokens, what, fails)
    monkeypatch.setattr("campaigns.authorizing.LOOK_SECONDS", 0.0)
    if what == "renew":
        ending(credential)
    drive(run, service)
    check_books(run)
    assert faults == 1
    assert set(run.deliveries.values_list("state", flat=True)) == {State.ACCEPTED}


def test_answers_are_recorded_before_google_is_asked(
    site: Site, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.SEND_WINDOW = 2
    monkeypatch.setattr(sending, "AT_ONCE", 1)
    credential = make_credential(site)
    for _ in range(6):
        make_app(site, credential=credential)
    claimed: list[int] = []

    def renew(one: Credential) -> None:
        claimed.append(Delivery.objects.filter(state=State.SENDING).count())
        renewed(one)

    monkeypatch.setattr(app_tokens, "renew", renew)
    monkeypatch.setattr("campaigns.authorizing.LOOK_SECONDS", 0.0)
    service = FakeService()
    service.before = lambda: ending(credential)
    drive(planned(make_campaign(site)), service)
    assert claimed and set(claimed) == {0}
    assert len(service.log) == 6


def test_what_is_on_its_way_is_waited_for_without_spinning(
    site: Site, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.SEND_WINDOW, settings.SEND_IN_FLIGHT = 2, 100
    credential = make_credential(site)
    for _ in range(6):
        make_app(site, credential=credential)
    monkeypatch.setattr(app_tokens, "renew", renewed)
    monkeypatch.setattr("campaigns.authorizing.LOOK_SECONDS", 0.0)
    monkeypatch.setattr("campaigns.trials.FIRST", 0)
    service = Service()
    real = sending.Turn.start

    def started(turn: sending.Turn) -> None:
        real(turn)
        if service.started:
            ending(credential)

    monkeypatch.setattr(sending.Turn, "start", started)
    drive(planned(make_campaign(site)), service)
    assert len(service.log) == 6
    assert service.steps and set(service.steps) == {sending.STEP_SECONDS}


def test_browsers_do_not_wait_for_a_token_of_apps(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    device, browser = make_app(site), make_subscription(site)
    ending(device.credential)
    asked: list[Credential] = []
    monkeypatch.setattr(app_tokens, "renew", asked.append)
    service = FakeService()
    drive(planned(make_campaign(site, rule=WEB)), service)
    assert (service.log, asked) == ([browser.endpoint], [])


@pytest.mark.parametrize("fault", [TypeError("a fault of a library"), None], ids=["fault", "short"])
def test_google_is_not_asked_without_end(
    site: Site, monkeypatch: pytest.MonkeyPatch, fault: Exception | None
) -> None:
    """It gives tokens that have all but ended, or something breaks on the way."""
    device, browser = make_app(site), make_subscription(site)
    ending(device.credential)
    Credential.objects.update(token_until=timezone.now())
    asked = 0

    def renew(one: Credential) -> None:
        nonlocal asked
        asked += 1
        if fault:
            raise fault
        renewed(one, seconds=30)

    monkeypatch.setattr(app_tokens, "renew", renew)
    app_tokens.forget(device.credential_id or 0)
    run, service = planned(make_campaign(site)), FakeService()
    drive(run, service)
    check_books(run)
    assert (service.log, asked) == ([browser.endpoint], 1)
    assert run.deliveries.get(subscription=device).reason == "service_waits"


@pytest.mark.parametrize(
    ("channel", "status", "reason"),
    [
        (Channel.FCM, 401, "fcm_auth"),
        (Channel.FCM, 404, "fcm_not_found"),
        (Channel.APNS, 403, "apns_invalid_provider_token"),
        (Channel.APNS, 400, "apns_topic_disallowed"),
    ],
)
def test_a_key_of_apps_that_stops_working_in_a_slow_run_is_noticed(
    site: Site, channel: Channel, status: int, reason: str
) -> None:
    """One answer at a time, each refused: those of single devices are no more than twenty."""
    one = make_app(site, channel)
    others = [make_app(site, channel) for _ in range(recording.MOST_ALONE)]
    run = planned(make_campaign(site))
    Delivery.objects.filter(subscription=one).update(state=State.ACCEPTED)
    device = make_app(site, channel)
    origin = device.endpoint.rsplit("/", 1)[0].removesuffix("/token")
    row = Claimed(
        device.pk, 1, "", 1, 0.0, device.endpoint, b"", b"", one.credential_id or 0, channel
    )
    refused = Landed(Flight(row, origin, 0.0), Outcome(OutcomeKind.CONFIG, status, reason))

    def kind() -> OutcomeKind:
        (said,) = recording.blame(run, [refused])
        assert said.outcome is not None
        return said.outcome.kind

    assert kind() == OutcomeKind.REFUSED
    of_others = Delivery.objects.filter(run=run, subscription__in=others)
    of_others.update(state=State.REFUSED, status_code=status, reason=reason)
    assert kind() == OutcomeKind.CONFIG


def test_who_signs_in_on_anothers_phone_finds_nothing_that_was_theirs(site: Site) -> None:
    phone = make_app(site)
    identity.change(phone, Change(external_id="ada"))
    before = planned(make_campaign(site, inbox=True))
    drive(before, FakeService())
    phone.refresh_from_db()
    identity.change(phone, Change(external_id="ben"))
    after = planned(make_campaign(site, inbox=True))
    drive(after, FakeService())
    ben = inbox.person(site, "ben")
    assert ben is not None
    assert [item.entry.run_id for item in inbox.page(ben, size=9).items] == [after.pk]
    assert inbox.count(ben) == 1
