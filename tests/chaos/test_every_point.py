"""A sender is killed at every step that it makes, and the books and the log are compared.

Three designs that are known to be wrong go through the same mill: that it finds them is what makes
its silence about ours worth something.
"""

from collections.abc import Iterable
from datetime import timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.db.models import F
from django.utils import timezone
from pytest_django import Settings

from accounts import crypto
from accounts.models import Site
from campaigns import ledger, partitions, starting
from campaigns.claiming import origin_of
from campaigns.models import Campaign, Cap, Delivery, Policy, Run, Trial, month_of
from subscribers import app_tokens, google_tokens
from subscribers.models import Channel, Credential, Subscription
from tests.campaigns.engine import check_books
from tests.chaos import checker, designs
from tests.chaos.points import (
    NEVER,
    Design,
    FailingPoint,
    Life,
    Point,
    address,
    evidence,
    struck_at,
)
from tests.factories import make_app, make_campaign, make_site, make_subscription

pytestmark = [
    pytest.mark.django_db(transaction=True),
    # A child of a process with threads: it uses none of them.
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]

DEVICES = ("a", "gone", "lost", "b", "busy", "left", "c")
FAR_TOO_MANY = 2_000
State = Delivery.State
VARIANT = {"weight": 50, "title": "B", "body": "", "url": "https://shop.example/b"}


@pytest.fixture
def site(settings: Settings) -> Site:
    """Two batches, each of two windows; two windows may be in flight."""
    settings.SEND_BATCH, settings.SEND_WINDOW, settings.SEND_IN_FLIGHT = 4, 2, 4
    site = make_site()
    for name in DEVICES:
        make_subscription(site, endpoint=address(Channel.WEB, name))
    return site


# Each channel has what answers differently, and each batch has each channel.
MIXED = (
    *((Channel.WEB, "a"), (Channel.FCM, "b"), (Channel.APNS, "lost-a"), (Channel.FCM, "gone-f")),
    *((Channel.APNS, "c"), (Channel.WEB, "left"), (Channel.FCM, "lost-f"), (Channel.APNS, "busy")),
)


@pytest.fixture
def mixed(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Browsers and apps; Google gives a token to whoever asks."""
    settings.SEND_BATCH, settings.SEND_WINDOW, settings.SEND_IN_FLIGHT = 4, 2, 4
    monkeypatch.setattr(google_tokens, "fetch", lambda _account: ("a token", 3600))
    site = make_site()
    for channel, name in MIXED:
        make = make_subscription if channel == Channel.WEB else partial(make_app, channel=channel)
        make(site, endpoint=address(channel, name))
    p8 = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    site.credentials.filter(channel=Channel.APNS).update(private_key=crypto.encrypt(p8))
    return site


class Mill:
    """Runs of one design, each struck at another step."""

    def __init__(self, site: Site, design: Design, log: Path, **campaign: Any) -> None:
        self.site = site
        self.design = design
        self.log = log
        self.campaign = campaign
        self.steps = 0

    def run(self, point: Point) -> tuple[Run, Life]:
        Subscription.objects.update(state=Subscription.State.ACTIVE)
        run = starting.start(make_campaign(self.site, **self.campaign))
        # The push services are known: several windows may be in flight at once.
        pairs = Subscription.objects.filter(site=self.site).values_list("credential", "endpoint")
        for key in self.site.credentials.all():
            for origin in {origin_of(endpoint) for pk, endpoint in pairs if pk == key.pk}:
                Trial.objects.create(
                    run=run, credential=key, origin=origin, state=Trial.State.PASSED, answered=200
                )
        life = struck_at(run, self.design, self.log, point)
        run.refresh_from_db()
        return run, life

    def violations(self, point: Point) -> tuple[list[checker.Violation], bool]:
        """What is wrong after a strike, and whether there was one."""
        run, life = self.run(point)
        return checker.check(evidence(run, self.log, struck=life.struck)), life.struck

    def everywhere(
        self, kind: type[Point], first: int = 1, stride: int = 1
    ) -> Iterable[checker.Violation]:
        """Strike at one step after the other, or at every `stride`-th, until there are no more."""
        for fatal in range(first, FAR_TOO_MANY, stride):
            found, struck = self.violations(kind(fatal))
            for violation in found:
                yield checker.Violation(violation.invariant, f"step {fatal}: {violation.text}")
            self.steps += struck
            if not struck:
                return
        raise AssertionError("there is no end to the steps")


# In parts, so that several processes of the suite can share the steps.
@pytest.mark.parametrize("first", [1, 2])
def test_whenever_a_sender_is_killed(site: Site, tmp_path: Path, first: int) -> None:
    mill = Mill(site, designs.engine, tmp_path / "log")
    assert list(mill.everywhere(Point, first, stride=2)) == []
    assert mill.steps > 25, "these were not all steps"
    check_books(Run.objects.latest("pk"))
    ends = Delivery.objects.filter(run_id=Run.objects.latest("pk").pk)
    assert ends.filter(state=State.ACCEPTED).count() == 4, (
        "undisturbed, only what was meant to fail"
    )


@pytest.mark.parametrize("first", [1, 2, 3])
def test_whenever_a_commit_fails(site: Site, tmp_path: Path, first: int) -> None:
    """Before it reached the database, or after: then only its answer is lost."""
    mill = Mill(site, designs.engine, tmp_path / "log")
    assert list(mill.everywhere(FailingPoint, first, stride=3)) == []
    assert mill.steps > 5, "these were not all commits"


def test_whenever_the_sender_of_a_throttled_run_is_killed(site: Site, tmp_path: Path) -> None:
    mill = Mill(site, designs.engine, tmp_path / "log", throttle=60_000)
    assert list(mill.everywhere(Point, stride=5)) == []


class Apps(Mill):
    """Before each run the apps' tokens have ended, so that its senders renew them."""

    def run(self, point: Point) -> tuple[Run, Life]:
        for key in self.site.credentials.exclude(channel=Channel.WEB):
            Credential.objects.filter(pk=key.pk).update(token=None, token_at=None, token_until=None)
            app_tokens.forget(key.pk)
        return super().run(point)


@pytest.mark.parametrize("first", [1, 2])
def test_whenever_a_sender_to_browsers_and_apps_is_killed(
    mixed: Site, tmp_path: Path, first: int
) -> None:
    mill = Apps(mixed, designs.engine, tmp_path / "log")
    assert list(mill.everywhere(Point, first, stride=3)) == []
    assert mill.steps > 20, "these were not all steps"
    run = Run.objects.latest("pk")
    check_books(run)
    ends = Delivery.objects.filter(run_id=run.pk, state=State.ACCEPTED)
    assert ends.count() == 4, "undisturbed, only what was meant to fail"


def test_whenever_a_commit_of_a_sender_to_apps_fails(mixed: Site, tmp_path: Path) -> None:
    mill = Apps(mixed, designs.engine, tmp_path / "log")
    assert list(mill.everywhere(FailingPoint, stride=5)) == []
    assert mill.steps > 3, "these were not all commits"


class ManyRules(Mill):
    """One person is capped, one lacks what the text names, some are kept back, and some are held
    until their quiet hours end."""

    def __init__(self, *given: Any, **campaign: Any) -> None:
        super().__init__(*given, **campaign)
        self.reasons: set[str] = set()

    def run(self, point: Point) -> tuple[Run, Life]:
        Delivery.objects.all().delete()
        here, hours = timezone.localtime(timezone=ZoneInfo("Europe/Oslo")), timedelta(hours=3)
        quiet = {"quiet_start": (here - hours).time(), "quiet_end": (here + hours).time()}
        Policy.objects.update_or_create(site=self.site, defaults=quiet)
        self.make_capped()
        run, life = super().run(point)
        self.reasons |= set(run.deliveries.values_list("reason", flat=True))
        return run, life

    def make_capped(self) -> None:
        """The person of the device `a` has had their message of this week."""
        campaign = make_campaign(self.site, name="Before", state=Campaign.State.FINISHED)
        now = timezone.now()
        before = Run.objects.create(
            campaign=campaign,
            message=campaign.messages.get(),
            state=Run.State.FINISHED,
            month=month_of(now),
            last_subscription=0,
            finished_at=now,
        )
        partitions.ensure(before.month)
        device = Subscription.objects.get(endpoint__endswith="/a")
        Delivery.objects.create(
            month=before.month, run=before, subscription=device, state=State.ACCEPTED, sent_at=now
        )


def test_whenever_the_sender_of_a_run_with_many_rules_is_killed(site: Site, tmp_path: Path) -> None:
    Cap.objects.create(site=site, most=1, days=7)
    for device in Subscription.objects.select_related("subscriber"):
        name = device.endpoint.rsplit("/", 1)[-1]
        if name != "c":
            device.subscriber.attributes = {"first_name": name.title()}
            device.subscriber.save()
    # In Oslo it is quiet, here and in Tokyo it is not.
    Subscription.objects.exclude(endpoint__contains="/b").update(time_zone="Asia/Tokyo")
    personal = "{% unless subscriber.first_name %}{% abort 'no name' %}{% endunless %}Hello"
    mill = ManyRules(
        site,
        designs.engine,
        tmp_path / "log",
        message={"title": personal, "weight": 50, "variants": [VARIANT]},
        holdout=50,
    )
    assert list(mill.everywhere(Point, stride=4)) == []
    assert mill.steps > 5, "these were not all steps"
    check_books(Run.objects.latest("pk"))
    assert {"capped", "aborted:no name", "holdout", "no_consent"} <= mill.reasons


WRONG = [
    (designs.cursor_before_send, {"I3"}),
    (designs.send_then_mark, {"I1"}),
]


@pytest.mark.parametrize(("design", "broken"), WRONG)
def test_a_wrong_design_is_caught(
    site: Site, tmp_path: Path, design: Design, broken: set[str]
) -> None:
    mill = Mill(site, design, tmp_path / "log")
    assert mill.violations(Point(NEVER))[0] == [], "undisturbed, it is right"
    assert {violation.invariant for violation in some(mill.everywhere(Point, stride=3))} == broken


@pytest.mark.parametrize(("design", "broken"), WRONG)
def test_a_wrong_design_is_caught_with_apps_too(
    mixed: Site, tmp_path: Path, design: Design, broken: set[str]
) -> None:
    mill = Mill(mixed, design, tmp_path / "log")
    assert mill.violations(Point(NEVER))[0] == [], "undisturbed, it is right"
    assert {violation.invariant for violation in some(mill.everywhere(Point, stride=7))} == broken


@pytest.mark.parametrize("audience", ["site", "mixed"])
def test_a_ledger_that_sends_orphans_again_is_caught(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    audience: str,
) -> None:
    def plan_again(lease: Any) -> int:
        ledger.rows(lease, State.SENDING).update(state=State.PLANNED, attempts=F("attempts") - 1)
        return 0

    monkeypatch.setattr(ledger, "orphans_to_unknown", plan_again)
    mill = Mill(request.getfixturevalue(audience), designs.engine, tmp_path / "log")
    assert mill.violations(Point(NEVER))[0] == [], "undisturbed, it is right"
    assert {violation.invariant for violation in some(mill.everywhere(Point, stride=4))} == {"I1"}


def some(found: Iterable[checker.Violation]) -> list[checker.Violation]:
    """Enough to know which invariant it is that breaks."""
    return list(islice(found, 5))
