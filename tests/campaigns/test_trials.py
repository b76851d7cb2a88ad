"""The circuit breaker: when the first answers speak against going on, the run asks a person."""

import pytest
from pytest_django import Settings

from campaigns import planning, reports, sending, starting, trials
from campaigns.models import Batch, Campaign, Delivery, Run, Trial
from subscribers.models import Subscription
from tests.campaigns import senders
from tests.campaigns.engine import check_books
from tests.campaigns.senders import FakeService
from tests.factories import PUSH_ORIGIN, make_campaign, make_site, make_subscription

pytestmark = pytest.mark.django_db

OTHER_ORIGIN = "https://fcm.googleapis.com"


def started(gone: int, good: int) -> tuple[Run, FakeService]:
    """A planned run to devices of which some are gone, and a push service that says so."""
    site = make_site()
    for number in range(gone):
        make_subscription(site, endpoint=f"{PUSH_ORIGIN}/wpush/v2/gone{number}")
    for number in range(good):
        make_subscription(site, endpoint=f"{OTHER_ORIGIN}/fcm/send/good{number}")
    run = starting.start(make_campaign(site))
    planning.plan(run.pk)
    return run, FakeService(**{f"gone{number}": senders.GONE for number in range(gone)})


def send(run: Run, service: FakeService) -> None:
    for batch in Batch.objects.filter(run=run).order_by("pk"):
        sending.deliver(batch.pk, service)
        check_books(run)
    run.refresh_from_db()


@pytest.mark.parametrize(
    ("state", "total", "gone", "refused", "expected"),
    [
        ("open", 1, 1, False, "open"),
        ("open", 10, 10, False, "open"),
        ("open", 11, 11, False, "tripped"),
        ("open", 199, 10, False, "open"),
        ("open", 199, 11, False, "tripped"),
        ("open", 200, 10, False, "passed"),
        ("open", 500, 11, False, "passed"),
        ("open", 500, 26, False, "tripped"),
        ("passed", 900, 900, False, "passed"),
        ("confirmed", 900, 900, False, "confirmed"),
        ("open", 1, 0, True, "tripped"),
        ("passed", 900, 0, True, "tripped"),
        ("confirmed", 900, 0, True, "tripped"),
        ("tripped", 11, 11, False, "tripped"),
    ],
)
def test_the_verdict(state: str, total: int, gone: int, refused: bool, expected: str) -> None:
    assert trials.decide(state, total, gone, refused=refused) == expected


def test_too_many_gone_pause_and_ask_with_what_was_answered(settings: Settings) -> None:
    settings.SEND_WINDOW = 6
    run, service = started(gone=20, good=5)
    send(run, service)
    assert run.state == Run.State.PAUSED
    assert run.pause_reason == "12 of the first 12 devices at 127.0.0.1 are gone. Can it be?"
    run.campaign.refresh_from_db()
    assert run.campaign.attention == run.pause_reason
    assert len(service.log) == 12, "nothing was claimed after the window that told"
    trial = Trial.objects.get()
    assert (trial.state, trial.answered, trial.gone) == ("tripped", 12, 12)
    assert trial.samples == [{"status": 410, "reason": "410", "detail": ""}] * trials.SAMPLES


def test_go_on_is_asked_once(settings: Settings) -> None:
    settings.SEND_WINDOW = 6
    run, service = started(gone=20, good=5)
    send(run, service)
    starting.resume(run.campaign)
    send(run, service)
    assert run.state == Run.State.FINISHED
    counts = reports.run_counts(run)
    assert (counts["gone"], counts["accepted"]) == (20, 5)
    assert len(service.log) == len(set(service.log)) == 25
    assert Trial.objects.get(origin=PUSH_ORIGIN).state == Trial.State.CONFIRMED


def test_a_few_gone_among_few_stop_nobody() -> None:
    run, service = started(gone=10, good=0)
    send(run, service)
    assert run.state == Run.State.FINISHED
    assert Trial.objects.get().state == Trial.State.OPEN


def test_services_are_judged_apart(settings: Settings) -> None:
    settings.SEND_WINDOW = 50
    run, service = started(gone=11, good=220)
    send(run, service)
    assert run.state == Run.State.PAUSED, "11 of 11, though 220 others would do"
    assert Trial.objects.get(origin=PUSH_ORIGIN).state == Trial.State.TRIPPED


def test_until_enough_has_been_answered_one_window_is_on_the_way(settings: Settings) -> None:
    settings.SEND_WINDOW, settings.SEND_IN_FLIGHT = 50, 500
    run, service = started(gone=0, good=500)
    seen: list[int] = []

    def count() -> None:
        seen.append(Delivery.objects.filter(state=Delivery.State.SENDING).count())

    service.before = count
    send(run, service)
    assert seen[0] == 50
    assert max(seen[:4]) == 50
    assert Trial.objects.get().state == Trial.State.PASSED
    assert Trial.objects.get().answered == 200
    assert reports.run_counts(run)["accepted"] == 500


def test_who_tripped_it_and_died_is_followed_by_one_who_pauses() -> None:
    run, service = started(gone=0, good=3)
    device = Subscription.objects.first()
    assert device is not None and device.credential is not None
    Trial.objects.create(
        run=run, credential=device.credential, origin=OTHER_ORIGIN, state="tripped", gone=12
    )
    send(run, service)
    assert service.log == []
    assert run.state == Run.State.PAUSED
    assert "12 of the first 0" in run.pause_reason
    assert Batch.objects.get().leased_until is None


def test_a_refused_key_says_which_service_and_what_to_do() -> None:
    run, _service = started(gone=0, good=2)
    send(run, FakeService(good0=senders.CONFIG, good1=senders.CONFIG))
    assert run.state == Run.State.PAUSED
    assert run.pause_reason.startswith("Google FCM refuses our key (403: wrong key).")
    assert "VAPID" in run.pause_reason or "key" in run.pause_reason[60:]
    assert Trial.objects.get().state == Trial.State.TRIPPED
    assert reports.run_counts(run)["pending"] == 2
    assert Subscription.objects.active().count() == 2


def test_a_key_that_is_refused_again_pauses_again() -> None:
    run, _service = started(gone=0, good=2)
    refusing = FakeService(good0=senders.CONFIG, good1=senders.CONFIG)
    send(run, refusing)
    starting.resume(run.campaign)
    send(run, refusing)
    assert run.state == Run.State.PAUSED
    assert len(refusing.log) == 4
    starting.resume(run.campaign)
    send(run, FakeService())
    assert run.state == Run.State.FINISHED


def test_a_paused_run_has_no_second_notice() -> None:
    run, service = started(gone=20, good=0)
    service.before = lambda: starting.pause(Campaign.objects.get(), reason="By hand.")
    send(run, service)
    assert run.pause_reason == "By hand."
