"""A run's figures by channel: on the page, in the REST API, and never for one channel alone."""

from __future__ import annotations

import csv
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from accounts.models import Role, Site
from campaigns import channels, planning, reports, starting, tallies
from campaigns.models import Batch, Run
from subscribers.models import Channel, Subscription
from tests.campaigns.calling import caller
from tests.campaigns.reporting import at, text
from tests.factories import make_app, make_campaign, make_subscription

pytestmark = pytest.mark.django_db
WEB, FCM = "https://fcm.googleapis.com", "fcm://shop-app"
APNS, SANDBOX = "apns://com.example.shop", "apns+sandbox://com.example.shop"


def tally(**counts: int) -> tallies.Tally:
    return tallies.empty() | counts


@pytest.fixture
def run(site: Site) -> Run:
    """Five browsers, three Android and two iOS apps; nothing is sent yet."""
    for _again in range(5):
        make_subscription(site)
    for _again in range(3):
        make_app(site)
    for _again in range(2):
        make_app(site, Channel.APNS)
    run = starting.start(make_campaign(site))
    planning.plan(run.pk)
    run.refresh_from_db()
    return run


def change(run: Run, **fields: Any) -> None:
    assert Batch.objects.filter(run=run).update(**fields) == 1


def sent(run: Run) -> None:
    """All but one got an answer, and some devices reported."""
    answers = {
        WEB: tally(accepted=3, gone=1),
        FCM: tally(accepted=2, refused=1, waits=4),
        APNS: tally(accepted=1),
        SANDBOX: tally(unknown=1),
    }
    receipts = {
        "fcm": {"displayed": 2, "clicked": 1, "dismissed": 0},
        "apns": {"displayed": 1, "clicked": 1, "dismissed": 0},
    }
    settled = {"accepted": 6, "refused": 1, "gone": 1, "unknown": 1}
    reported = {"displayed": 5, "clicked": 2, "dismissed": 1}
    change(run, pending=1, tallies=answers, receipts=receipts, **settled, **reported)


@pytest.mark.parametrize(
    ("origin", "channel"),
    [
        (WEB, Channel.WEB),
        ("https://web.push.apple.com", Channel.WEB),
        ("http://127.0.0.1:8002", Channel.WEB),
        (FCM, Channel.FCM),
        (APNS, Channel.APNS),
        (SANDBOX, Channel.APNS),
    ],
)
def test_an_origin_says_the_channel(origin: str, channel: Channel) -> None:
    assert channels.channel_of(origin) == channel


def test_what_browsers_report_is_what_apps_leave(run: Run) -> None:
    sent(run)
    found = {one.channel: one for one in channels.figures(reports.sums(run))}
    assert list(found) == [Channel.WEB, Channel.FCM, Channel.APNS]
    web = found[Channel.WEB]
    assert (web.accepted, web.gone, web.requests) == (3, 1, 4)
    assert (web.displayed, web.clicked, web.dismissed) == (2, 0, 1)
    apple = found[Channel.APNS]
    assert (apple.accepted, apple.unknown, apple.displayed) == (1, 1, 1)
    whole = reports.sums(run).counts
    for name in ("accepted", "refused", "gone", "unknown", "displayed", "clicked", "dismissed"):
        assert sum(getattr(one, name) for one in found.values()) == whole[name], name


def test_the_page_has_a_row_for_each_channel(run: Run, bob: Client) -> None:
    sent(run)
    said = text(bob.get(at(run)))
    assert "By channel" in said
    assert "Browsers 3 75.0% 2 66.7% 0 0.0% 1 0 1 0 0" in said
    assert "Apps through Firebase 2 66.7% 2 100.0% 1 50.0% 0 1 0 0 4" in said
    assert "Accepted of requests Displayed of accepted Clicked of accepted" in said
    assert "Accepted by the push service. What was displayed" in said
    assert "delivered" not in said.lower()


def test_what_had_no_request_yet_has_no_share(run: Run, bob: Client) -> None:
    answers = {FCM: tally(waits=2), WEB: tally(accepted=1)}
    change(run, pending=9, accepted=1, tallies=answers)
    said = text(bob.get(at(run)))
    assert "Apps through Firebase 0 0 0 0 0 0 0 2" in said


def test_one_channel_alone_is_not_set_apart(run: Run, bob: Client) -> None:
    assert "By channel" not in text(bob.get(at(run)))
    change(run, pending=8, accepted=2, tallies={WEB: tally(accepted=2)}, displayed=1)
    assert "By channel" not in text(bob.get(at(run)))


def test_the_api_has_the_same_figures(site: Site, run: Run) -> None:
    path = f"{run.campaign_id}/report/"
    assert caller(site)("get", path).json()["channels"] == []
    sent(run)
    report = caller(site)("get", path).json()
    assert [one["channel"] for one in report["channels"]] == ["web", "fcm", "apns"]
    assert report["channels"][1] == {
        **{"channel": "fcm", "accepted": 2, "refused": 1, "gone": 0, "unknown": 0, "waits": 4},
        **{"displayed": 2, "clicked": 1, "dismissed": 0},
    }
    assert (report["accepted"], report["state"], report["pending"]) == (6, "running", 1)


def test_the_export_says_the_channel_of_each_device(
    run: Run, as_role: Callable[[Role], Client]
) -> None:
    Subscription.objects.filter(channel=Channel.FCM).update(app_version="4.12.0")
    answer = as_role(Role.ADMIN).get(at(run, "export"))
    body = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
    rows = list(csv.DictReader(body.splitlines()))
    assert [row["channel"] for row in rows] == ["web"] * 5 + ["fcm"] * 3 + ["apns"] * 2
    assert {row["app_version"] for row in rows[5:8]} == {"4.12.0"}
    assert "fcm://" not in body and "apns://" not in body


def test_the_ledger_calls_an_app_an_app(run: Run, bob: Client) -> None:
    said = text(bob.get(at(run)))
    assert "Android app" in said and "iOS app" in said
