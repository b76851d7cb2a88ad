"""Answers that are about more than one message: tokens that left, wrong setups, refused keys.

At Firebase and Apple as their stand-in plays them; which of them a single answer is, is tested in
tests/transports.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts import crypto
from accounts.models import Site
from campaigns import recording, starting
from campaigns.models import Campaign, Delivery, Run
from campaigns.pushing import PushSender
from subscribers import app_tokens
from subscribers.models import Channel, Credential, Subscription
from tests.chaos.stands import (
    Stands,
    begin,
    reasons,
    settle,
    states,
    token_of,
    violations,
)
from tests.factories import make_campaign

pytestmark = pytest.mark.django_db

APNS, FCM, WEB = Channel.APNS, Channel.FCM, Channel.WEB
DEVICES = 12
Rule = dict[str, Any]


def sent_to(both: Stands, site: Site, sender: PushSender, channel: Channel, *rules: Rule) -> Run:
    """A run to the site's devices, at a service that answers like that."""
    both.misbehave(channel, *rules)
    run = begin(make_campaign(site))
    settle(run, sender)
    return run


def resumed(run: Run, sender: PushSender) -> None:
    """A person has looked, and lets it go on."""
    starting.resume(Campaign.objects.get(pk=run.campaign_id))
    run.refresh_from_db()
    settle(run, sender)


def active(site: Site) -> int:
    return Subscription.objects.active().filter(site=site).count()


# Devices that left


@pytest.mark.parametrize(
    ("channel", "reason"),
    [(FCM, "UNREGISTERED"), (APNS, "Unregistered"), (APNS, "ExpiredToken")],
    ids=["fcm", "apns", "apns-expired"],
)
def test_many_that_left_at_once_stop_the_run(
    both: Stands, site: Site, sender: PushSender, channel: Channel, reason: str
) -> None:
    """More than one in twenty of the first 200: it may be us, so a person is asked."""
    since, devices = both.logged(), both.add(site, channel, 30)
    tokens = [token_of(device) for device in devices[:15]]
    run = sent_to(both, site, sender, channel, {"reason": reason, "tokens": tokens})
    assert run.state == Run.State.PAUSED
    assert "are gone. Can it be?" in run.pause_reason
    assert states(run)["planned"] > 0, "it stopped before everybody was asked"
    resumed(run, sender)
    assert states(run) == {"accepted": 15, "gone": 15}
    assert violations(both, run, since) == []


@pytest.mark.parametrize("channel", [FCM, APNS], ids=str)
def test_the_one_that_left_is_not_sent_to_any_more(
    both: Stands, site: Site, sender: PushSender, channel: Channel
) -> None:
    """Its app was uninstalled: the stand-in says so as the services do, by itself."""
    gone, _stays = both.add(site, channel, 2)
    both.apps.control("DELETE", f"/devices/{token_of(gone)}")
    Subscription.objects.update(last_seen_at=timezone.now() - timedelta(days=1))
    run = sent_to(both, site, sender, channel)
    assert states(run) == {"accepted": 1, "gone": 1}
    gone.refresh_from_db()
    assert gone.state == Subscription.State.GONE
    assert states(sent_to(both, site, sender, channel)) == {"accepted": 1}


@pytest.mark.parametrize(
    ("ago", "state"),
    [(timedelta(hours=2), "refused"), (timedelta(minutes=10), "gone")],
    ids=["before", "after"],
)
def test_unregistered_counts_if_it_is_newer_than_the_app(
    both: Stands, site: Site, sender: PushSender, ago: timedelta, state: str
) -> None:
    (device,) = both.add(site, APNS, 1)
    Subscription.objects.update(last_seen_at=timezone.now() - timedelta(hours=1))
    since = round((timezone.now() - ago).timestamp() * 1000)
    said = {"reason": "Unregistered", "timestamp": since}
    run = sent_to(both, site, sender, APNS, {"status": 410, "body": json.dumps(said)})
    assert states(run) == {state: 1}
    assert reasons(run) == {"apns_registered_again" if state == "refused" else "apns_unregistered"}
    device.refresh_from_db()
    there = state == "refused"
    assert device.state == (Subscription.State.ACTIVE if there else Subscription.State.GONE)


# Tokens that are not ours


STRANGE = {
    "fcm-project": (FCM, "SENDER_ID_MISMATCH", "another Firebase project"),
    "apns-environment": (APNS, "BadDeviceToken", "the other environment"),
    "apns-bundle": (APNS, "DeviceTokenNotForTopic", "another bundle id"),
}


@pytest.mark.parametrize(("channel", "reason", "advice"), STRANGE.values(), ids=STRANGE)
def test_a_wrong_setup_stops_the_run_and_loses_no_device(
    both: Stands, site: Site, sender: PushSender, channel: Channel, reason: str, advice: str
) -> None:
    since = both.logged()
    both.add(site, channel, DEVICES)
    run = sent_to(both, site, sender, channel, {"reason": reason})
    assert run.state == Run.State.PAUSED
    assert advice in run.pause_reason
    # Of the first few nobody could tell whose fault it was.
    early = states(run).get("refused", 0)
    assert early < recording.FEW_TOKENS
    assert states(run)["planned"] == DEVICES - early
    assert active(site) == DEVICES
    # It is mended, and the others get it after all.
    both.behave()
    resumed(run, sender)
    assert states(run)["accepted"] == DEVICES - early
    assert violations(both, run, since) == []


@pytest.mark.parametrize(("channel", "reason", "advice"), STRANGE.values(), ids=STRANGE)
def test_single_strange_tokens_are_refused_and_stop_nobody(
    both: Stands, site: Site, sender: PushSender, channel: Channel, reason: str, advice: str
) -> None:
    since, devices = both.logged(), both.add(site, channel, DEVICES)
    tokens = [token_of(device) for device in devices[::4]]
    run = sent_to(both, site, sender, channel, {"reason": reason, "tokens": tokens})
    assert run.state == Run.State.FINISHED
    assert states(run) == {"accepted": DEVICES - 3, "refused": 3}
    assert active(site) == DEVICES
    assert violations(both, run, since) == []


def test_apps_built_for_development_stop_the_run(
    both: Stands, site: Site, sender: PushSender
) -> None:
    """Their tokens are the sandbox's, and they said that they were not: Apple knows none."""
    both.add(site, APNS, 1)
    for device, phone in zip(
        both.add(site, APNS, DEVICES), both.apps.make_phones("apns+sandbox", DEVICES), strict=True
    ):
        place, _slash, _token = device.endpoint.rpartition("/")
        Subscription.objects.filter(pk=device.pk).update(endpoint=f"{place}/{phone['token']}")
    run = sent_to(both, site, sender, APNS)
    assert run.state == Run.State.PAUSED
    assert "the other environment" in run.pause_reason
    assert active(site) == DEVICES + 1
    # A person who says "go on" has those refused that are wrong, and nobody else.
    resumed(run, sender)
    assert run.state == Run.State.FINISHED
    assert states(run) == {"accepted": 1, "refused": DEVICES}
    assert active(site) == DEVICES + 1


# Keys that are refused


KEYS = {
    "fcm-401": (FCM, {"status": 401}, "may not send"),
    "fcm-third-party": (FCM, {"reason": "THIRD_PARTY_AUTH_ERROR"}, "Firebase console"),
    "apns-expired": (APNS, {"reason": "ExpiredProviderToken"}, "the server's clock is wrong"),
    "apns-invalid": (APNS, {"reason": "InvalidProviderToken"}, "Check Settings, Mobile apps"),
    "apns-topic": (APNS, {"reason": "TopicDisallowed"}, "may not send to that bundle id"),
}


@pytest.mark.parametrize(("channel", "rule", "advice"), KEYS.values(), ids=KEYS)
def test_a_refused_key_pauses_with_what_to_do(
    both: Stands, site: Site, sender: PushSender, channel: Channel, rule: Rule, advice: str
) -> None:
    since = both.logged()
    both.add(site, channel, DEVICES)
    run = sent_to(both, site, sender, channel, rule)
    assert run.state == Run.State.PAUSED
    assert advice in run.pause_reason
    assert "Nobody is lost" in run.pause_reason
    assert (states(run), active(site)) == ({"planned": DEVICES}, DEVICES)
    both.behave()
    resumed(run, sender)
    assert states(run) == {"accepted": DEVICES}
    assert violations(both, run, since) == []


def test_a_key_that_is_not_of_the_project_pauses(
    both: Stands, site: Site, sender: PushSender
) -> None:
    """Google's own 401 for a token that it never gave."""
    both.add(site, FCM, 2)
    until = timezone.now() + timedelta(hours=1)
    Credential.objects.filter(site=site, channel=FCM).update(
        token=crypto.encrypt(b"no token"), token_at=timezone.now(), token_until=until
    )
    run = sent_to(both, site, sender, FCM)
    assert run.state == Run.State.PAUSED
    assert "may not send" in run.pause_reason
    assert states(run) == {"planned": 2}


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("invalid_grant", "does not know this service account any more"),
        ("invalid_signature", "Make a new private key"),
        ("not_now", "this server's clock is wrong"),
        ("disabled_client", "Enable it in Google Cloud"),
    ],
)
def test_a_key_that_google_takes_no_more_stops_only_who_needs_it(
    both: Stands, site: Site, sender: PushSender, reason: str, words: str
) -> None:
    since = both.logged()
    for channel in (WEB, FCM, APNS):
        both.add(site, channel, 3)
    both.apps.replace([{"service": "oauth", "reason": reason}])
    rule = {"version": 2, "all": [{"field": "channel", "op": "any_of", "values": ["web", "apns"]}]}
    others = begin(make_campaign(site, rule=rule))
    settle(others, sender)
    assert (others.state, states(others)) == (Run.State.FINISHED, {"accepted": 6})
    run = begin(make_campaign(site))
    settle(run, sender)
    assert run.state == Run.State.PAUSED
    assert words in run.pause_reason
    assert states(run)["planned"] >= 3
    assert not run.deliveries.filter(subscription__channel=FCM).exclude(
        state=Delivery.State.PLANNED
    )
    assert active(site) == 9
    both.behave()
    resumed(run, sender)
    assert states(run) == {"accepted": 9}
    log = both.log(since)
    assert len(log) == 15


def test_a_token_service_that_is_away_stops_nobody(
    both: Stands, site: Site, sender: PushSender
) -> None:
    since = both.logged()
    for channel in (WEB, FCM, APNS):
        both.add(site, channel, 3)
    both.apps.replace([{"service": "oauth", "status": 503, "next": 2}])
    run = begin(make_campaign(site))
    settle(run, sender)
    assert states(run) == {"accepted": 9}
    assert violations(both, run, since) == []


def test_of_two_services_the_one_that_refuses_our_key_is_named(
    both: Stands, site: Site, sender: PushSender
) -> None:
    both.add(site, FCM, 3)
    both.add(site, APNS, 3)
    run = sent_to(both, site, sender, APNS, {"reason": "ExpiredProviderToken"})
    assert run.state == Run.State.PAUSED
    assert run.pause_reason.startswith("Apple (apps) refuses our key (403: ")
    assert "ExpiredProviderToken" in run.pause_reason
    assert app_tokens.stale(site.pk) == []
