"""The first page of a site: reach that adds up by day, what runs, what comes, and health."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from unittest.mock import patch

import django_rq
import pytest
import redis
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings
from rq import Worker

from accounts.models import Role, Site
from campaigns import overview, planning, starting
from campaigns.models import Batch, Run
from config import ticker
from subscribers import consent
from subscribers.consent import Circumstances
from subscribers.models import ConsentRecord, Installation, Subscription
from tests.campaigns.conftest import as_user
from tests.campaigns.engine import drive
from tests.campaigns.senders import FakeService
from tests.factories import make_campaign, make_member, make_site, make_subscription

pytestmark = pytest.mark.django_db
Action = ConsentRecord.Action


@pytest.fixture
def address(site: Site) -> str:
    return reverse("campaigns:overview", args=[site.pk])


def text(answer: object) -> str:
    """What a person reads, with single spaces."""
    words = re.sub(r"<[^>]+>", " ", answer.content.decode())  # type: ignore[attr-defined]
    return " ".join(words.split())


def came(site: Site, days_ago: float, **fields: object) -> Subscription:
    """A device that gave permission some days ago."""
    device = make_subscription(site, **fields)
    consent.record(device, Action.GRANTED)
    at = timezone.now() - timedelta(days=days_ago)
    ConsentRecord.objects.filter(subscription=device).update(at=at)
    return device


def moved(device: Subscription, days_ago: float) -> None:
    """Its last record happened some days ago."""
    last = ConsentRecord.objects.filter(subscription=device).latest("pk")
    ConsentRecord.objects.filter(pk=last.pk).update(at=timezone.now() - timedelta(days=days_ago))


def test_reach_by_day_goes_back_from_today(site: Site) -> None:
    came(site, 100)
    two = came(site, 10)
    three = came(site, 5, subscriber=two.subscriber)
    came(site, 0)
    consent.leave(three, Action.DENIED)
    moved(three, 2)
    found = overview.reach(site, 30)
    assert (found.people, found.devices) == (3, 3)
    assert (found.all_gained, found.all_lost, found.change) == (3, 1, 2)
    assert len(found.days) == len(found.by_day) == 30
    assert (found.by_day[0], found.by_day[-1]) == (1, 3)
    assert max(found.by_day) == 3
    assert found.by_day[-4] == 3 and found.by_day[-2] == 2
    assert found.causes == [("Blocked in the browser", 1)]


def test_who_leaves_after_the_address_was_gone_is_lost_once(site: Site) -> None:
    device = came(site, 9)
    consent.mark_gone([device.pk])
    moved(device, 6)
    device.refresh_from_db()
    consent.leave(device, Action.UNSUBSCRIBED)
    found = overview.reach(site, 30)
    assert (found.all_lost, found.devices) == (1, 0)
    assert found.causes == [("Browser or app removed", 1)]
    consent.restore(device, Circumstances())
    found = overview.reach(site, 30)
    assert (found.all_gained, found.devices) == (2, 1)


def test_days_are_the_site_s_own(site: Site) -> None:
    """23:30 UTC is the next day in Oslo."""
    device = came(site, 0)
    yesterday = timezone.localdate(timezone=site.zone) - timedelta(days=3)
    late = datetime(yesterday.year, yesterday.month, yesterday.day, 23, 30, tzinfo=UTC)
    ConsentRecord.objects.filter(subscription=device).update(at=late)
    found = overview.reach(site, 30)
    assert found.gained[-3] == 1


def test_page_of_a_site_that_sends(site: Site, bob: Client, address: str) -> None:
    came(site, 3)
    drive(starting.start(make_campaign(site, name="Ended")), FakeService())
    running = make_campaign(site, name="Goes now")
    planning.plan(starting.start(running).pk)
    wall = (timezone.now() + timedelta(days=2)).replace(tzinfo=None)
    starting.schedule(make_campaign(site, name="Comes soon"), wall, "Europe/Oslo")
    page = bob.get(address)
    said = text(page)
    assert "People you can reach 1 on 1 device, +1 in 30 days" in said
    assert "0 of 1 settled" in said and "Pause" in said
    assert "Ended" in said and "Comes soon" in said and "All 3" in said
    assert b"?days=365" in page.content
    starting.pause(running, reason="Paused by Marit.")
    part = bob.get(reverse("campaigns:running", args=[site.pk]))
    assert "Paused by Marit." in text(part) and "Resume" in text(part)
    assert b"data-live" not in part.content


def test_what_does_not_move_says_why(site: Site, bob: Client, address: str) -> None:
    came(site, 3)
    planning.plan(starting.start(make_campaign(site)).pk)
    assert "parked" not in text(bob.get(address))
    Batch.objects.update(parked_at=timezone.now())
    assert "1 batch is parked, as its sender failed" in text(bob.get(address))


def test_admins_get_from_here_to_the_health_page(
    site: Site, as_role: Callable[[Role], Client], bob: Client, address: str
) -> None:
    page = reverse("health", args=[site.pk])
    assert page in as_role(Role.ADMIN).get(address).content.decode()
    assert page not in bob.get(address).content.decode()


def test_the_legend_names_what_the_bars_show(site: Site, bob: Client, address: str) -> None:
    came(site, 3)
    drive(starting.start(make_campaign(site)), FakeService())
    page = bob.get(address).content.decode()
    assert "swatch-accepted" in page and "swatch-cancelled" not in page
    stopped = make_campaign(site)
    planning.plan(starting.start(stopped).pk)
    starting.cancel(stopped)
    drive(Run.objects.get(campaign=stopped), FakeService())
    page = bob.get(address).content.decode()
    assert "swatch-accepted" in page and "swatch-cancelled" in page


@pytest.mark.parametrize(
    ("asked", "days"), [("90", 90), ("365", 365), ("31", 30), ("x", 30), ("٩٠", 30)]
)
def test_periods(site: Site, bob: Client, address: str, asked: str, days: int) -> None:
    came(site, 3)
    assert f"in {days} days" in text(bob.get(address, {"days": asked}))


def test_queries_do_not_grow(
    site: Site, bob: Client, address: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    def more() -> None:
        came(site, 3)
        drive(starting.start(make_campaign(site)), FakeService())
        planning.plan(starting.start(make_campaign(site)).pk)

    # Session, person, membership, sites; reach, changes, snippet, started, count, batches due,
    # running (4: campaigns, runs, sums, parked), last (3), coming,
    # open requests for approval.
    for _times in range(2):
        more()
        with django_assert_num_queries(19):
            bob.get(address)


def test_new_site_sees_three_steps(
    site: Site, as_role: Callable[[Role], Client], address: str, settings: Settings
) -> None:
    bob = as_role(Role.MARKETER)
    said = text(bob.get(address))
    assert "Three steps until" in said and "Be the first subscriber" in said
    Installation.objects.filter(site=site).update(snippet_seen_at=timezone.now())
    assert "It works. Last heard from it" in text(bob.get(address))
    came(site, 0)
    said = text(bob.get(address))
    assert "1 person allows notifications" in said and "People you can reach" in said
    assert reverse("subscribers:install", args=[site.pk]) in bob.get(address).content.decode()
    seen = as_role(Role.VIEWER).get(address).content.decode()
    assert reverse("subscribers:install", args=[site.pk]) not in seen


@pytest.fixture
def processes(site: Site) -> Worker:
    """A worker that lives and a ticker that has just ticked."""
    connection = django_rq.get_connection("send")
    worker = Worker(["send"], connection=connection)
    worker.register_birth()  # type: ignore[no-untyped-call]
    cache.set(overview.TICKER_KEY, "now", 60)
    return worker


def test_health_when_all_is_well(processes: Worker) -> None:
    found = overview.health(timezone.now())
    assert (found.workers, found.queued, found.ticking, found.waiting) == (1, 0, True, 0)
    assert (found.kind, found.words) == ("ok", "Sending normally")


def test_health_without_a_ticker_or_a_worker(processes: Worker, bob: Client, address: str) -> None:
    cache.delete(overview.TICKER_KEY)
    found = overview.health(timezone.now())
    assert (found.kind, found.words) == ("bad", "The ticker is silent: nothing starts at its time.")
    late = overview.health(timezone.now() + timedelta(hours=1))
    assert late.workers == 0
    processes.register_death()  # type: ignore[no-untyped-call]
    assert overview.health(timezone.now()).words.startswith("No worker is running")
    assert "None is running" in text(bob.get(address))


def test_health_says_that_it_is_behind(site: Site, processes: Worker) -> None:
    make_subscription(site)
    run = starting.start(make_campaign(site))
    planning.plan(run.pk)
    Batch.objects.filter(run=run).update(due_at=timezone.now() - timedelta(minutes=5))
    found = overview.health(timezone.now())
    assert (found.kind, found.words, found.waiting) == ("warn", "Sending is behind", 1)
    assert found.oldest == pytest.approx(300, abs=5)


def test_health_never_raises_because_the_queue_is_down(
    site: Site, bob: Client, address: str
) -> None:
    nowhere = redis.Redis(host="127.0.0.1", port=9, socket_connect_timeout=0.2)
    with patch.object(django_rq, "get_connection", return_value=nowhere):
        found = overview.health(timezone.now())
        assert (found.workers, found.queued, found.ticking) == (None, None, None)
        assert found.kind == "bad" and found.words.startswith("The queue doesn’t answer")
        page = bob.get(address)
    assert page.status_code == 200
    assert "the ledger keeps everything" in text(page)


def test_worker_that_never_said_anything_does_not_count(processes: Worker) -> None:
    processes.last_heartbeat = None
    assert not overview.is_alive(processes, timezone.now())


def test_ticker_says_that_it_lives(db: None) -> None:
    ticker.Ticker().tick()
    assert cache.get(overview.TICKER_KEY)


def test_other_sites_are_not_there(site: Site, address: str) -> None:
    stranger = as_user(make_member(make_site(name="Other"), Role.OWNER))
    assert stranger.get(address).status_code == 404
    assert stranger.get(reverse("campaigns:running", args=[site.pk])).status_code == 404
