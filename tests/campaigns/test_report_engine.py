"""What the report says of the engine: push services, batches, what waits, what needs a person."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.models import Role, Site
from audiences import bounded
from campaigns import answers, pace, planning, progress, reports, starting, tallies
from campaigns.models import Batch, Campaign, Delivery, Gate, Run, Trial
from campaigns.progress import Step
from subscribers.models import Credential, Subscription
from tests.campaigns import senders
from tests.campaigns.engine import drive
from tests.campaigns.reporting import at, device, text
from tests.campaigns.senders import FakeService
from tests.factories import make_campaign

pytestmark = pytest.mark.django_db
FCM, APPLE = "https://fcm.googleapis.com", "https://web.push.apple.com"


def tally(**counts: Any) -> tallies.Tally:
    """Answers of one push service, each of which took `ms`."""
    made = tallies.empty() | {name: n for name, n in counts.items() if name != "ms"}
    made["ms"][tallies.bin_of(counts.get("ms", 90))] += sum(made[name] for name in tallies.COUNTS)
    return made


@pytest.fixture
def run(site: Site, settings: Settings) -> Run:
    """A run of eight devices in four batches, of which nothing is sent yet."""
    settings.SEND_BATCH = 2
    for number in range(8):
        device(site, f"d{number}")
    run = starting.start(make_campaign(site))
    planning.plan(run.pk)
    run.refresh_from_db()
    return run


def parts(run: Run) -> list[Batch]:
    return list(Batch.objects.filter(run=run).order_by("first"))


def change(batch: Batch, **fields: Any) -> None:
    Batch.objects.filter(pk=batch.pk).update(**fields)


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
    assert answers.service_name(f"https://{host}") == name


def test_services_add_up(mixed: Run, bob: Client) -> None:
    found = answers.services(reports.sums(mixed))
    assert [(one.name, one.accepted, one.refused, one.gone, one.unknown) for one in found] == [
        ("Sandbox on this machine", 2, 1, 1, 1)
    ]
    assert "Sandbox on this machine 2 1 1 1" in text(bob.get(at(mixed)))


def test_services_by_speed_with_what_limits_them_now(run: Run, bob: Client) -> None:
    one, two, *_rest = parts(run)
    change(one, pending=0, accepted=2, tallies={FCM: tally(accepted=2, waits=3)})
    change(two, pending=0, accepted=1, gone=1, tallies={APPLE: tally(accepted=1, gone=1, ms=1_900)})
    soon = timezone.now() + timedelta(minutes=10)
    Gate.objects.create(origin=APPLE, closed_until=soon, rate=2.0)
    Gate.objects.create(origin=FCM, closed_until=timezone.now(), rate=120.0)
    Gate.objects.create(origin="https://elsewhere.example", rate=1.0)
    said = text(bob.get(at(run)))
    assert "Google FCM Chrome, Edge, Samsung, Opera held to 120 a second 2 0 0 0 3" in said
    until = f"{soon.astimezone(run.campaign.site.zone):%H:%M:%S}"
    assert f"Apple Safari asks us to wait until {until} 1 0 1 0 0 1.8 s 2 s" in said
    assert "All 3 0 1 0 3" in said
    assert "held to 1 a second" not in said
    html = bob.get(at(run)).content.decode()
    assert html.count('aria-label="slow"') == 1


def test_what_no_service_can_be_named_for_adds_up(run: Run, bob: Client) -> None:
    one, two, three, _four = parts(run)
    # Two answers, of which one was sent again since; a sender that stopped; an old batch.
    change(one, pending=1, accepted=1, resent=1, tallies={FCM: tally(accepted=1, unknown=1)})
    change(two, pending=0, unknown=2)
    found = answers.services(reports.sums(run))
    assert [(one.name, one.unknown) for one in found] == [
        ("Google FCM", 1),
        ("A sender stopped", 2),
        ("Sent again", -1),
    ]
    assert "Sent again unknown no more: counted as what came of it" in text(bob.get(at(run)))
    change(three, pending=0, accepted=1, refused=1)
    sums = reports.sums(run)
    named = {one.name: one for one in answers.services(sums)}
    assert named["Not noted by service"].refused == 1
    whole = answers.together(named.values())
    assert all(getattr(whole, name) == sums.counts[name] for name in answers.COUNTED)


def test_batches_by_where_they_are(run: Run, bob: Client, settings: Settings) -> None:
    one, two, three, four = parts(run)
    now = timezone.now()
    change(one, due_at=None, pending=0, accepted=2, token=1)
    change(two, token=1, leased_until=now + timedelta(seconds=settings.SEND_LEASE_SECONDS))
    change(three, token=2, recoveries=1, leased_until=now - timedelta(seconds=1))
    change(four, due_at=now + timedelta(minutes=5))
    said = text(bob.get(at(run, "report_batches")))
    until = f"{(now + timedelta(minutes=5)).astimezone(run.campaign.site.zone):%H:%M:%S}"
    assert f"1 done 1 being sent now 1 waiting, the first until {until}" in said
    assert "1 without a sign of their sender" in said
    assert "A sender stopped. Its batch goes on within seconds" in said
    assert "1 time another sender went on where one had stopped." in said
    assert "Nobody waits to be tried again." in said
    change(three, leased_until=now + timedelta(seconds=10))
    assert "If it has stopped, its batch goes on at" in text(bob.get(at(run, "report_batches")))
    change(three, leased_until=None)
    assert "1 next in line" in text(bob.get(at(run, "report_batches")))


def test_parked_batches_with_their_error_and_who_may_try_again(
    run: Run, as_role: Callable[[Role], Client]
) -> None:
    one, two, *_rest = parts(run)
    change(one, parked_at=timezone.now(), recoveries=3, error="ValueError: no such <thing>")
    change(two, parked_at=timezone.now(), recoveries=3)
    said = text(as_role(Role.VIEWER).get(at(run, "report_batches")))
    assert "2 batches are parked." in said
    assert "Batch 1, 2 devices still to send: ValueError: no such &lt;thing&gt;" in said
    assert "it left no word" in said and "A marketer can have it tried again." in said
    bob = as_role(Role.MARKETER)
    assert "2 batches are parked: sender after sender stopped there." in text(bob.get(at(run)))
    assert at(run, "unpark") in bob.get(at(run, "report_batches")).content.decode()
    bob.post(at(run, "unpark"))
    assert "parked" not in text(bob.get(at(run, "report_batches")))


def wait(run: Run, batch: Batch, minutes: int, attempts: int, reason: str = "") -> None:
    """The first device of a batch waits so long."""
    Delivery.objects.filter(run_id=run.pk, subscription_id=batch.first).update(
        not_before=timezone.now() + timedelta(minutes=minutes), attempts=attempts, reason=reason
    )
    change(batch, token=1)


def test_what_waits_and_until_when(run: Run, bob: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two, three, four = parts(run)
    wait(run, one, 4, attempts=1)
    wait(run, two, 9, attempts=2)
    wait(run, three, 20, attempts=0, reason="service_waits")
    wait(run, four, 10, attempts=0, reason="quiet_hours")
    said = text(bob.get(at(run, "report_batches")))
    assert "2 devices wait to be tried again: the first at" in said
    assert "1 device has not had its turn" in said
    assert "1 device gets it later: at its own time, after quiet hours" in said
    now = timezone.now()
    ahead = progress.ahead(run, progress.batches(run, now), now)
    assert ahead and ahead.first and ahead.last
    assert (ahead.waiting, ahead.retries, ahead.held, ahead.deferred) == (4, 2, 1, 1)
    assert ahead.complete
    assert timedelta(minutes=15) < ahead.last - ahead.first < timedelta(minutes=17)
    monkeypatch.setattr(progress, "MOST_ROWS", 4)
    few = progress.ahead(run, progress.batches(run, now), now)
    assert few and (few.waiting, few.complete) == (2, False)
    assert "not every batch was looked into" in text(bob.get(at(run, "report_batches")))
    slow = progress.AHEAD.replace("WHERE b.id", "CROSS JOIN pg_sleep(0.2) WHERE b.id")
    monkeypatch.setattr(progress, "AHEAD", slow)
    monkeypatch.setattr(progress, "PATIENCE_MS", 20)
    assert "Too many wait" in text(bob.get(at(run, "report_batches")))


def test_list_of_batches_begins_with_what_is_not_done(
    run: Run,
    bob: Client,
    monkeypatch: pytest.MonkeyPatch,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    from campaigns.views import report

    monkeypatch.setattr(report, "BATCHES_A_PAGE", 3)
    one, two, *_rest = parts(run)
    change(one, due_at=None, pending=0, accepted=2)
    change(two, parked_at=timezone.now(), error="OSError: disk full")
    address = at(run, "report_batches")
    # Session, person, membership; campaign, run, batches.
    with django_assert_num_queries(6):
        first = bob.get(address, {"page": 1})
    said = text(first)
    assert said.index("Batch 2 Parked at") < said.index("Batch 3 Next in line")
    assert "Batch 1 Done" not in said and "1–3 of 4" in said
    assert "Batch 1 Done" in text(bob.get(at(run, "report_batches"), {"page": 2}))
    assert "Show the list" in text(bob.get(at(run, "report_batches")))
    starting.pause(run.campaign)
    assert "Waits to be resumed" in text(bob.get(at(run, "report_batches"), {"page": 1}))
    Batch.objects.filter(run=run).delete()
    assert "None yet" in text(bob.get(at(run, "report_batches"), {"page": 1}))


def test_what_would_become_unknown_is_said_while_it_runs(run: Run, bob: Client) -> None:
    assert "at most 500 for each worker would become unknown" in text(bob.get(at(run)))
    one, *_rest = parts(run)
    change(one, leased_until=timezone.now() + timedelta(minutes=1))
    sending = Delivery.objects.filter(run_id=run.pk, subscription_id__lte=one.last)
    sending.update(state=Delivery.State.SENDING)
    assert "2 are on their way just now" in text(bob.get(at(run)))
    assert progress.on_their_way(run) == 2


def test_unknown_is_sent_again_by_a_marketer_who_is_told_what_may_happen(
    site: Site, as_role: Callable[[Role], Client]
) -> None:
    for name in ("ok", "lost", "away"):
        device(site, name)
    run = starting.start(make_campaign(site))
    drive(run, FakeService(lost=senders.UNKNOWN, away=senders.UNKNOWN))
    for name, endpoint in (("lost", f"{APPLE}/x"), ("away", f"{FCM}/y")):
        Subscription.objects.filter(endpoint__endswith=f"/{name}").update(endpoint=endpoint)
    bob = as_role(Role.MARKETER)
    page = bob.get(at(run))
    said = text(page)
    assert "send 2 again" in said and "Send 2 unknown deliveries again?" in said
    assert "No answer after the request left; not repeated 2" in said
    assert "1 is on an Apple device, which shows it twice if the first one arrived." in said
    assert "Send these 2 again" in said
    assert b'name="expected" value="2"' in page.content
    assert "send 2 again" not in text(as_role(Role.VIEWER).get(at(run)))
    Subscription.objects.filter(endpoint__startswith=FCM).update(state="unsubscribed")
    assert "1 more has left or is gone since" in text(bob.get(at(run)))
    bob.post(at(run, "resend"), {"expected": "1"})
    run.campaign.refresh_from_db()
    assert run.campaign.state == Campaign.State.RUNNING
    assert "Send 1 unknown" not in text(bob.get(at(run)))


def trip(run: Run, **fields: Any) -> None:
    """The circuit breaker has stopped the run."""
    key = Credential.objects.get(site=run.campaign.site)
    Trial.objects.filter(run=run).delete()
    Trial.objects.create(run=run, credential=key, state=Trial.State.TRIPPED, **fields)
    starting.pause(run.campaign, reason="The circuit breaker.")


def test_breaker_asks_with_the_sample_answers(
    mixed: Run, as_role: Callable[[Role], Client]
) -> None:
    Run.objects.filter(pk=mixed.pk).update(state="running", finished_at=None)
    Campaign.objects.filter(pk=mixed.campaign_id).update(state="running")
    origin = device(mixed.campaign.site, "new").endpoint.split("/wpush")[0]
    samples = [
        {"status": 410, "reason": "410", "detail": ""},
        {"status": 404, "reason": "404", "detail": "no such <device>"},
    ]
    trip(mixed, origin=origin, answered=200, gone=14, samples=samples)
    adam = as_role(Role.ADMIN)
    said = text(adam.get(at(mixed)))
    assert "Stopped to ask you 14 of the first 200 devices at Sandbox on this machine" in said
    assert "410: the device left; its subscription is closed" in said
    assert "404: no such &lt;device&gt;" in said
    assert "Restore that 1 device" in said and "They are really gone: go on" in said
    assert "Cancel the campaign" in said and "Paused: nothing more goes out." not in said
    assert "Restore that" not in text(as_role(Role.MARKETER).get(at(mixed)))
    assert "A marketer decides whether it goes on." in text(as_role(Role.VIEWER).get(at(mixed)))
    adam.post(at(mixed, "restore_gone"), {"origin": origin})
    assert "Restore that" not in text(adam.get(at(mixed)))
    adam.post(at(mixed, "resume"))
    assert "Stopped to ask you" not in text(adam.get(at(mixed)))


def test_breaker_says_what_to_mend_when_a_key_is_refused(run: Run, bob: Client) -> None:
    sample = {"status": 403, "reason": "vapid_rejected", "detail": "BadJwtToken"}
    trip(run, origin=APPLE, answered=1, gone=0, samples=[sample])
    said = text(bob.get(at(run)))
    assert "Apple refuses our key. Sending there has stopped, and nobody is lost." in said
    assert "403: BadJwtToken" in said and "It is mended: go on" in said
    assert "Restore" not in said


def test_gone_devices_are_restored_by_an_admin_for_thirty_days(
    mixed: Run, as_role: Callable[[Role], Client]
) -> None:
    adam, bob = as_role(Role.ADMIN), as_role(Role.MARKETER)
    question = "Restore the 1 device that its push service called gone?"
    assert question in text(adam.get(at(mixed)))
    assert question not in text(bob.get(at(mixed)))
    adam.post(at(mixed, "restore_gone"))
    assert Subscription.objects.get(endpoint__endswith="/left").state == "active"
    Run.objects.filter(pk=mixed.pk).update(finished_at=timezone.now() - timedelta(days=31))
    assert question not in text(adam.get(at(mixed)))


def test_header_while_the_audience_is_still_written_down(run: Run, bob: Client) -> None:
    Run.objects.filter(pk=run.pk).update(state=Run.State.PLANNING, planned_at=None)
    said = text(bob.get(at(run)))
    assert "Getting ready Started" in said and "Getting ready: 8 so far" in said
    one, *_rest = parts(run)
    change(one, pending=0, accepted=2)
    past = timezone.now().timestamp() - 10
    page = bob.get(at(run, "report_live"), {"samples": f"{past};{run.pk}=0"})
    assert "Running Started" in text(page)
    # How long it still takes is not known yet, nor what share is settled.
    assert "Getting ready: 8 so far 12 a minute Updated" in text(page)
    assert 'data-title="Winter layers' in page.content.decode()


def test_speed_limit_is_shown_and_can_be_changed(run: Run, bob: Client) -> None:
    assert "At most" not in text(bob.get(at(run))).split("Ledger")[0].split("How fast")[0]
    bob.post(at(run, "throttle"), {"throttle": "1,000"})
    said = text(bob.get(at(run)))
    assert "At most 1,000 a minute" in said
    assert "Change the speed limit" in said and "How fast may it go?" in said


def test_cadence_slows_down_with_the_number_of_batches(
    run: Run, bob: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from campaigns.views import report

    for few, many, seconds in ((5, 9, 1), (4, 9, 2), (2, 4, 5)):
        monkeypatch.setattr(report, "FEW_BATCHES", few)
        monkeypatch.setattr(report, "MANY_BATCHES", many)
        assert f'hx-trigger="every {seconds}s' in bob.get(at(run, "report_live")).content.decode()


def test_steps_of_a_batch(settings: Settings) -> None:
    now = timezone.now()
    settings.SEND_LEASE_SECONDS = 60
    later, before = now + timedelta(seconds=40), now - timedelta(seconds=1)
    made = {
        Step.DONE: Batch(),
        Step.READY: Batch(due_at=before),
        Step.WAITING: Batch(due_at=later),
        Step.SENDING: Batch(due_at=before, leased_until=later),
        Step.QUIET: Batch(due_at=before, leased_until=now + timedelta(seconds=20)),
        Step.PARKED: Batch(due_at=before, leased_until=later, parked_at=now),
    }
    assert {step: progress.step_of(batch, now) for step, batch in made.items()} == {
        step: step for step in Step
    }


def test_statements_that_take_too_long_are_stopped_and_others_go_on() -> None:
    with pytest.raises(bounded.TooLong), bounded.at_most(20), connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(1)")
    with bounded.at_most(5_000), connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(0.03)")
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == ("0",)
    with pytest.raises(OperationalError), bounded.at_most(500):
        raise OperationalError("something else")


@pytest.mark.parametrize(
    ("value", "words"),
    [(None, "·"), (0.4, "0 ms"), (96, "96 ms"), (1_430, "1.4 s"), (5_000.0, "over 5 s")],
)
def test_latency_in_words(value: float | None, words: str) -> None:
    assert pace.milliseconds(value, most=5_000) == words
