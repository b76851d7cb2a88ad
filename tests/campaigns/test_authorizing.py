"""Tokens of apps are renewed with nothing on its way, and waited for where they end."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts import crypto
from campaigns import claiming, gating, leases, planning, sending, starting
from campaigns.models import Batch, Campaign, Delivery, Run, ServiceMinute
from campaigns.tallies import BINS
from subscribers import app_tokens
from subscribers.models import Channel, Credential, Subscription
from subscribers.transports.messages import AppEndpoint
from tests.campaigns.engine import check_books, drive
from tests.campaigns.senders import FakeService
from tests.factories import make_app, make_campaign, make_credential, make_site, make_subscription

pytestmark = pytest.mark.django_db


class Google:
    """Stands for `app_tokens.renew`: what Google says, and how many were on their way then."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *says: Exception | None) -> None:
        self.says = list(says)
        self.asked = 0
        monkeypatch.setattr(app_tokens, "renew", self)

    def __call__(self, credential: Credential, **_options: Any) -> None:
        self.asked += 1
        said = self.says.pop(0) if self.says else None
        if said is not None:
            raise said
        now = timezone.now()
        credential.token, credential.token_at = crypto.encrypt(b"fresh"), now
        credential.token_until = now + timedelta(hours=1)
        credential.save()
        app_tokens.forget(credential.pk)


def ended(credential: Credential | None) -> None:
    assert credential is not None
    Credential.objects.filter(pk=credential.pk).update(token=None, token_at=None, token_until=None)
    app_tokens.forget(credential.pk)


def planned(campaign: Campaign) -> Run:
    run = starting.start(campaign)
    planning.plan(run.pk)
    return run


def test_a_token_that_has_ended_is_renewed_before_anything_is_claimed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    site = make_site()
    device = make_app(site)
    ended(device.credential)
    google, service = Google(monkeypatch), FakeService()
    drive(planned(make_campaign(site)), service)
    assert (google.asked, len(service.log)) == (1, 1)
    assert Delivery.objects.get().state == Delivery.State.ACCEPTED


def test_while_google_gives_none_apps_wait_and_browsers_do_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    site = make_site()
    device, browser = make_app(site), make_subscription(site)
    ended(device.credential)
    google = Google(monkeypatch, app_tokens.TokenUnavailable("The network is away."))
    run, service = planned(make_campaign(site)), FakeService()
    drive(run, service)
    check_books(run)
    rows = {row.subscription_id: row for row in Delivery.objects.all()}
    assert rows[browser.pk].state == Delivery.State.ACCEPTED
    waits = rows[device.pk]
    assert (waits.state, waits.reason) == (Delivery.State.PLANNED, "service_waits")
    assert google.asked == 1
    # It is due again in a while, and then leaves.
    Delivery.objects.filter(subscription=device).update(not_before=None)
    Batch.objects.filter(run=run).update(due_at=timezone.now())
    drive(run, service)
    assert len(service.log) == 2
    assert run.state == Run.State.FINISHED


def test_a_credential_that_is_refused_pauses_who_needs_it_and_nobody_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    site = make_site()
    device, browser = make_app(site), make_subscription(site)
    ended(device.credential)
    refusal = app_tokens.TokenRefused("The service account was deleted.")
    Google(monkeypatch, *[refusal] * 2)
    web = {"version": 2, "all": [{"field": "channel", "op": "any_of", "values": ["web"]}]}
    service = FakeService()
    only_web = planned(make_campaign(site, rule=web))
    drive(only_web, service)
    assert only_web.state == Run.State.FINISHED
    assert service.log == [browser.endpoint]
    run = planned(make_campaign(site))
    drive(run, service)
    assert (run.state, run.pause_reason) == (Run.State.PAUSED, "The service account was deleted.")
    assert set(run.deliveries.values_list("state", flat=True)) == {Delivery.State.PLANNED}
    assert Subscription.objects.active().count() == 2


def test_a_token_that_ends_between_look_and_claim_loses_nobody() -> None:
    site = make_site()
    device = make_app(site)
    run = planned(make_campaign(site))
    ended(device.credential)
    lease = leases.take(Batch.objects.get(run=run).pk)
    assert lease is not None
    with pytest.raises(claiming.NotReady):
        claiming.claim(lease, 10)
    assert Delivery.objects.get().state == Delivery.State.PLANNED


def test_a_token_is_renewed_with_nothing_on_its_way(
    monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.SEND_WINDOW = 2
    site = make_site()
    credential = make_credential(site)
    for _ in range(6):
        make_app(site, credential=credential)
    out: list[int] = []

    class Watching(FakeService):
        def step(self, seconds: float) -> list[Any]:
            if len(self.log) == 2:
                ending = {"token_at": timezone.now() - timedelta(minutes=55)}
                ending["token_until"] = timezone.now() + timedelta(minutes=5)
                Credential.objects.filter(pk=credential.pk).update(**ending)
            return super().step(seconds)

    service = Watching()
    google = Google(monkeypatch)

    def renew(credential: Credential) -> None:
        out.append(len(service.started))
        google(credential)

    monkeypatch.setattr(app_tokens, "renew", renew)
    monkeypatch.setattr("campaigns.authorizing.LOOK_SECONDS", 0.0)
    drive(planned(make_campaign(site)), service)
    assert out and set(out) == {0}
    assert len(service.log) == 6


def test_each_row_carries_the_credential_of_its_device() -> None:
    site = make_site()
    old = make_credential(site, token=crypto.encrypt(b"old"), retired_at=timezone.now())
    make_app(site, credential=old)
    new = make_credential(site, name="other-app", token=crypto.encrypt(b"new"))
    address = "fcm://other-app/token/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    make_app(site, credential=new, endpoint=address)
    make_app(site, Channel.APNS)
    seen: list[tuple[str, str]] = []

    class Reading(FakeService):
        def answer(self, request: Any) -> Any:
            endpoint = request[0]
            assert isinstance(endpoint, AppEndpoint)
            seen.append((endpoint.address.app, endpoint.key.token))
            return super().answer(request)

    drive(planned(make_campaign(site)), Reading())
    assert sorted(seen) == [
        ("com.example.shop", "a token"),
        ("other-app", "new"),
        ("shop-app", "old"),
    ]


def minute(origin: str, ago: int, accepted: int, refused: int = 0) -> None:
    at = timezone.now().replace(second=0, microsecond=0) - timedelta(minutes=ago)
    counts = {"accepted": accepted, "refused": refused, "ms": [0] * BINS}
    ServiceMinute.objects.create(minute=at, origin=origin, **counts)


def test_a_firebase_project_near_its_quota_waits(settings: Any) -> None:
    settings.FCM_PER_MINUTE = 1_000
    minute("fcm://full", 0, 800, 100)
    minute("fcm://free", 0, 899)
    minute("https://updates.push.services.mozilla.com", 0, 90_000)
    minute("apns://com.example.shop", 0, 90_000)
    now = timezone.now().replace(second=59)
    assert set(gating.full(now)) == {"fcm://full"}
    assert gating.full(now)["fcm://full"].step == pytest.approx(0.06)


def test_the_quotas_minute_is_nobodys_clocks(settings: Any) -> None:
    """Of the minute before, what lies within the last sixty seconds counts."""
    settings.FCM_PER_MINUTE = 1_000
    minute("fcm://shop", 1, 1_000)
    start = timezone.now().replace(second=0, microsecond=0)
    assert set(gating.full(start + timedelta(seconds=5))) == {"fcm://shop"}
    assert gating.full(start + timedelta(seconds=7)) == {}


def test_rows_of_a_full_project_wait_in_the_ledger(settings: Any) -> None:
    settings.FCM_PER_MINUTE = 100
    site = make_site()
    make_app(site)
    make_subscription(site)
    minute("fcm://shop-app", 0, 100)
    run, service = planned(make_campaign(site)), FakeService()
    for batch in Batch.objects.filter(run=run):
        sending.deliver(batch.pk, service)
    assert len(service.log) == 1
    assert Delivery.objects.get(state=Delivery.State.PLANNED).reason == "service_waits"
