"""The fault matrix on each transport: browsers, Firebase and Apple break in the same ways.

Real requests on real connections, to stand-ins that misbehave and write down what they accepted.
What the whole Beckon does of them is in tests/chaos.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Site
from campaigns.models import Delivery, Gate, Run
from campaigns.pushing import PushSender
from subscribers import app_tokens
from subscribers.models import Channel
from tests.chaos import stands
from tests.chaos.stack import free_port
from tests.chaos.stands import CHANNELS, Stands, begin, reasons, settle, states, turn, violations
from tests.factories import make_campaign

pytestmark = pytest.mark.django_db

APPS = (Channel.FCM, Channel.APNS)
DEVICES, WINDOW = 12, 4  # of which one is in flight at a time
Rule = dict[str, Any]
every_channel = pytest.mark.parametrize("channel", CHANNELS, ids=str)
every_app = pytest.mark.parametrize("channel", APPS, ids=str)


def begun(both: Stands, site: Site, *channels: Channel) -> Run:
    for channel in channels:
        both.add(site, channel, DEVICES)
    return begin(make_campaign(site))


@every_channel
def test_undisturbed_everybody_gets_it_once(
    both: Stands, site: Site, sender: PushSender, channel: Channel
) -> None:
    since, run = both.logged(), begun(both, site, channel)
    settle(run, sender)
    assert states(run) == {"accepted": DEVICES}
    assert violations(both, run, since) == []


# A broken connection takes along what else is on it, so at most a window is unknown for each.
BROKEN: dict[str, tuple[Rule, tuple[Channel, ...]]] = {
    "accept_then_reset": ({"action": "reset", "accept": True}, CHANNELS),
    "reset": ({"action": "reset"}, CHANNELS),
    "accept_then_goaway": ({"action": "goaway", "accept": True}, APPS),
}


@pytest.mark.parametrize(
    ("channel", "rule"),
    [
        pytest.param(channel, rule, id=f"{name}-{channel}")
        for name, (rule, channels) in BROKEN.items()
        for channel in channels
    ],
)
def test_a_connection_that_breaks_leaves_unknown_what_was_on_it(
    both: Stands, site: Site, sender: PushSender, channel: Channel, rule: Rule
) -> None:
    since, run = both.logged(), begun(both, site, channel)
    both.misbehave(channel, {**rule, "next": 1})
    settle(run, sender)
    assert violations(both, run, since, bound=WINDOW) == []
    found = states(run)
    assert found["unknown"] >= 1
    assert found["accepted"] + found["unknown"] == DEVICES


@every_channel
@pytest.mark.parametrize("accept", [True, False], ids=["accepted", "not"])
def test_what_is_never_answered_is_unknown_and_nobody_else_is(
    both: Stands, site: Site, sender: PushSender, channel: Channel, accept: bool
) -> None:
    since, run = both.logged(), begun(both, site, channel)
    both.misbehave(channel, {"action": "hang", "seconds": 4, "accept": accept, "next": 1})
    settle(run, sender)
    assert states(run) == {"accepted": DEVICES - 1, "unknown": 1}
    assert reasons(run) == {"timeout_after_request"}
    assert violations(both, run, since, lost=1) == []


@every_app
@pytest.mark.parametrize("action", ["refuse", "goaway"])
def test_a_stream_that_was_not_taken_is_sent_again(
    both: Stands, site: Site, sender: PushSender, channel: Channel, action: str
) -> None:
    """REFUSED_STREAM, and GOAWAY with an earlier last stream: RFC 9113 sections 6.8 and 8.7."""
    since, run = both.logged(), begun(both, site, channel)
    both.misbehave(channel, {"action": action, "next": 1})
    settle(run, sender)
    assert violations(both, run, since, bound=0) == []
    assert states(run) == {"accepted": DEVICES}


# Each service's own words for "later": seconds in Retry-After, and its reason in the ledger.
LATER: dict[str, tuple[Channel, Rule, str]] = {
    "web-429": (Channel.WEB, {"status": 429}, "429"),
    "web-503": (Channel.WEB, {"status": 503}, "503"),
    "fcm-429": (Channel.FCM, {"reason": "QUOTA_EXCEEDED"}, "fcm_quota"),
    "fcm-503": (Channel.FCM, {"reason": "UNAVAILABLE"}, "fcm_unavailable"),
    "apns-429": (Channel.APNS, {"reason": "TooManyRequests"}, "apns_too_many_requests"),
    "apns-503": (Channel.APNS, {"reason": "ServiceUnavailable"}, "apns_service_unavailable"),
    "apns-shutdown": (Channel.APNS, {"reason": "Shutdown"}, "apns_shutdown"),
}


@pytest.mark.parametrize(("channel", "rule", "reason"), LATER.values(), ids=LATER)
def test_later_is_kept_to_by_its_service_alone_and_loses_nobody(
    both: Stands, site: Site, sender: PushSender, channel: Channel, rule: Rule, reason: str
) -> None:
    other = Channel.APNS if channel == Channel.FCM else Channel.FCM
    since, run = both.logged(), begun(both, site, channel, other)
    began = timezone.now()
    both.misbehave(channel, {**rule, "headers": {"Retry-After": "70"}})
    turn(run, sender)
    # Whoever was not asked any more waits with those who were.
    assert states(run) == {"accepted": DEVICES, "planned": DEVICES}
    assert reasons(run) <= {reason, "service_waits"}
    assert reason in reasons(run)
    waiting = Delivery.objects.filter(run_id=run.pk, state=Delivery.State.PLANNED)
    asked = waiting.filter(reason=reason).values_list("not_before", flat=True)
    assert all(moment and moment >= began + timedelta(seconds=70) for moment in asked)
    (gate,) = Gate.objects.filter(closed_until__gt=began + timedelta(seconds=60))
    assert gate.origin.startswith("http" if channel == Channel.WEB else f"{channel}://")
    both.behave()
    settle(run, sender)
    assert states(run) == {"accepted": 2 * DEVICES}
    assert violations(both, run, since) == []


# Answers after which nobody can know: never repeated. An endless body ends at what we read of it.
ODD: dict[str, tuple[Channel, Rule, dict[str, int]]] = {
    "web-500": (Channel.WEB, {"status": 500}, {"unknown": 2}),
    "fcm-internal": (Channel.FCM, {"reason": "INTERNAL"}, {"unknown": 2}),
    "apns-internal": (Channel.APNS, {"reason": "InternalServerError"}, {"unknown": 2}),
    **{
        f"{channel}-{name}": (channel, rule, found)
        for channel in CHANNELS
        for name, rule, found in (
            ("502", {"status": 502, "accept": True}, {"unknown": 2}),
            ("nonsense", {"status": 204, "accept": True}, {"unknown": 2}),
            ("redirect", {"action": "redirect"}, {"refused": 2}),
            ("huge", {"action": "huge", "bytes": 1 << 20, "accept": True}, {"accepted": 2}),
        )
    },
}


@pytest.mark.parametrize(("channel", "rule", "found"), ODD.values(), ids=ODD)
def test_odd_answers_are_repeated_to_nobody(
    both: Stands,
    site: Site,
    sender: PushSender,
    channel: Channel,
    rule: Rule,
    found: dict[str, int],
) -> None:
    since, run = both.logged(), begun(both, site, channel)
    both.misbehave(channel, {**rule, "next": 2})
    settle(run, sender)
    odd = sum(number for state, number in found.items() if state != "accepted")
    assert states(run) == {**found, "accepted": DEVICES - odd}
    assert violations(both, run, since, lost=found.get("unknown", 0)) == []


@every_app
@pytest.mark.parametrize("how", ["certificate", "down"])
def test_who_can_not_be_reached_loses_nobody(
    both: Stands, site: Site, settings: Settings, channel: Channel, how: str
) -> None:
    """A certificate that nobody vouches for; a port at which nobody listens."""
    both.configure(settings)
    since, run = both.logged(), begun(both, site, channel)
    ours = settings.PUSH_CA_FILE
    if how == "down":
        settings.FCM_ORIGIN = settings.APNS_ORIGIN = nobody = f"https://127.0.0.1:{free_port()}"
        settings.EXTRA_PUSH_ORIGINS |= {nobody}
    with stands.sending(None if how == "certificate" else ours) as sender:
        turn(run, sender)
    assert states(run) == {"planned": DEVICES}
    assert reasons(run) <= {"tls" if how == "certificate" else "connect", "service_waits"}
    both.configure(settings)
    app_tokens.forget(site.credentials.get(channel=channel).pk)
    with stands.sending(ours) as sender:
        settle(run, sender)
    assert states(run) == {"accepted": DEVICES}
    assert violations(both, run, since) == []
