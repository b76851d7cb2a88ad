"""Many at once, with real commits: however often it is pressed, it happens once."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import pytest
import time_machine
from django.db import connection, transaction
from django.utils import timezone

from accounts.models import AuditEvent
from campaigns import drafting, finishing, leases, planning, resending, sending, starting
from campaigns.models import Batch, Campaign, Delivery, Message, Run
from campaigns.refusals import Refused
from campaigns.tracking import Receipt, receive
from tests.campaigns import senders
from tests.campaigns.calling import caller
from tests.campaigns.engine import check_books, drive
from tests.campaigns.locks import Meanwhile
from tests.campaigns.senders import FakeService
from tests.campaigns.test_resending import token_of
from tests.factories import PUSH_ORIGIN, make_campaign, make_site, make_subscription

pytestmark = pytest.mark.django_db(transaction=True)
T = TypeVar("T")
CROWD = 50


def at_once(act: Callable[[int], T], crowd: int = CROWD) -> list[T]:
    """What each of a crowd got, none of whom began before all were there."""
    gate = threading.Barrier(crowd)

    def press(number: int) -> T:
        gate.wait(60)
        try:
            return act(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(crowd) as pool:
        return list(pool.map(press, range(crowd)))


@pytest.fixture
def meanwhile() -> Iterator[Meanwhile]:
    other = Meanwhile()
    yield other
    other.pool.shutdown()


def doubtful() -> tuple[Campaign, FakeService]:
    """A finished campaign with one delivery that is unknown."""
    site = make_site()
    make_subscription(site, endpoint=f"{PUSH_ORIGIN}/wpush/v2/a")
    campaign = make_campaign(site)
    service = FakeService(a=senders.UNKNOWN)
    drive(starting.start(campaign), service)
    campaign.refresh_from_db()
    return campaign, service


def test_fifty_starts_are_one_run() -> None:
    site = make_site()
    make_subscription(site)
    campaign = make_campaign(site)
    runs = at_once(lambda _n: starting.start(Campaign.objects.get(pk=campaign.pk)).pk)
    assert len(runs) == CROWD
    assert len(set(runs)) == Run.objects.count() == 1
    assert AuditEvent.objects.filter(action="campaign.started").count() == 1


def test_fifty_starts_by_api_are_one_run_and_answer_the_same() -> None:
    site = make_site()
    make_subscription(site)
    campaign = make_campaign(site)
    call = caller(site)
    assert call("get", f"{campaign.pk}/").json()["state"] == "draft"
    answers = at_once(lambda _n: call("post", f"{campaign.pk}/start/"))
    assert Counter(answer.status_code for answer in answers) == {200: CROWD}
    assert {answer.json()["state"] for answer in answers} == {"running"}
    assert Run.objects.count() == 1
    assert AuditEvent.objects.filter(action="campaign.started").count() == 1


def test_two_schedulers_and_a_person_start_it_once() -> None:
    site = make_site()
    make_subscription(site)
    campaigns = [make_campaign(site) for _ in range(5)]
    for campaign in campaigns:
        starting.schedule(campaign, datetime(2099, 1, 1), "UTC")
    due = datetime(2099, 1, 1, 0, 0, 1, tzinfo=UTC)

    def act(number: int) -> int:
        if number % 3 < 2:
            return starting.start_due(due)
        starting.start(Campaign.objects.get(pk=campaigns[0].pk))
        return 0

    with time_machine.travel(due, tick=False):
        started = sum(at_once(act, 6))
    assert started in (4, 5), "all of them but the one that a person may have started first"
    assert Run.objects.count() == 5
    assert AuditEvent.objects.filter(action="campaign.started").count() == 5


def test_however_many_send_it_again_it_is_sent_again_once() -> None:
    campaign, service = doubtful()
    run = Run.objects.get()

    def act(_number: int) -> int:
        try:
            return resending.resend(Campaign.objects.get(pk=campaign.pk), expected=1)
        except Refused:
            return 0

    assert sum(at_once(act, 10)) == 1
    assert Delivery.objects.get().resends == 1
    check_books(run)
    service.answers.clear()
    sending.deliver(Batch.objects.get().pk, service)
    check_books(run)
    assert len(service.log) == 2


def test_each_change_of_ten_is_a_version_of_its_own() -> None:
    site = make_site()
    make_subscription(site)
    campaign = make_campaign(site)
    run = starting.start(campaign)

    def act(number: int) -> int:
        mine = Campaign.objects.select_related("site").get(pk=campaign.pk)
        return drafting.revise(mine, {"title": f"Title {number}"}).version

    assert sorted(at_once(act, 10)) == list(range(2, 12))
    run.refresh_from_db()
    assert run.message == Message.objects.latest()


def test_a_change_and_the_end_of_the_run(meanwhile: Meanwhile) -> None:
    """Whoever comes second knows: the change is refused, or the run ends with it."""
    campaign, _service = doubtful()
    run = Run.objects.get()
    Run.objects.update(state=Run.State.RUNNING, finished_at=None)
    Campaign.objects.update(state=Campaign.State.RUNNING)
    with transaction.atomic():
        assert finishing.finish_if_settled(run.pk)
        change = meanwhile.start(lambda: drafting.revise(campaign, {"title": "Late"}))
    with pytest.raises(Refused, match="nobody is left"):
        change.result()
    assert Message.objects.count() == 1


def test_sending_again_waits_for_a_window_that_is_being_recorded(meanwhile: Meanwhile) -> None:
    campaign, _service = doubtful()
    run = Run.objects.get()
    Run.objects.update(state=Run.State.RUNNING, finished_at=None)
    Batch.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    lease = leases.take(Batch.objects.get().pk)
    assert lease is not None
    with transaction.atomic():
        leases.hold(lease)
        again = meanwhile.start(lambda: resending.resend(campaign, expected=1))
        assert not again.done()
    assert again.result() == 1
    check_books(run)


def test_sending_again_and_a_receipt_that_comes_at_that_moment(meanwhile: Meanwhile) -> None:
    campaign, service = doubtful()
    run = Run.objects.get()
    token = token_of(service, "a")
    with transaction.atomic():
        resending.resend(campaign, expected=1)
        receipt = meanwhile.start(lambda: receive(token, Receipt.DISPLAYED))
    assert receipt.result()
    check_books(run)
    row = Delivery.objects.get()
    assert (row.state, row.reason) == (Delivery.State.ACCEPTED, "receipt")


def test_planning_goes_on_while_the_message_changes(meanwhile: Meanwhile) -> None:
    site = make_site()
    make_subscription(site)
    campaign = make_campaign(site)
    run = starting.start(campaign)
    with transaction.atomic():
        drafting.revise(campaign, {"title": "New"})
        plan = meanwhile.start(lambda: planning.plan(run.pk))
    plan.result()
    run.refresh_from_db()
    assert (run.message.version, run.state) == (2, Run.State.RUNNING)
