import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from campaigns import planning, reports, sending, starting, tokens
from campaigns.models import Batch, Delivery, Run
from campaigns.tracking import Receipt, receive
from tests.campaigns.engine import drive
from tests.campaigns.senders import GONE, FakeService
from tests.factories import PUSH_ORIGIN, make_campaign, make_site, make_subscription


def sent(**answers: object) -> tuple[Run, str]:
    """A run to one device, and the token that the device got."""
    site = make_site()
    make_subscription(site, endpoint=f"{PUSH_ORIGIN}/wpush/v2/a")
    run = starting.start(make_campaign(site))
    service = FakeService(**answers)  # type: ignore[arg-type]
    drive(run, service)
    token: str = json.loads(service.payloads[0])["notification"]["data"]["t"]
    return run, token


def counted(run: Run) -> tuple[int, int, int]:
    counts = reports.run_counts(run)
    return counts["displayed"], counts["clicked"], counts["dismissed"]


@pytest.mark.django_db
def test_each_receipt_counts_once() -> None:
    run, token = sent()
    assert [receive(token, Receipt.DISPLAYED) for _ in range(3)] == [True, False, False]
    assert receive(token, Receipt.CLICKED)
    assert counted(run) == (1, 1, 0)


@pytest.mark.django_db
def test_a_dismissal_counts_once() -> None:
    run, token = sent()
    assert [receive(token, Receipt.DISMISSED) for _ in range(2)] == [True, False]
    assert counted(run) == (0, 0, 1)


@pytest.mark.django_db
def test_closing_after_a_click_is_no_dismissal() -> None:
    run, token = sent()
    receive(token, Receipt.CLICKED)
    assert not receive(token, Receipt.DISMISSED)
    assert counted(run) == (1, 1, 0)


@pytest.mark.django_db
def test_a_repeated_receipt_takes_no_lock(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    _run, token = sent()
    for receipt in Receipt:
        receive(token, receipt)
        with django_assert_num_queries(1) as asked:
            receive(token, receipt)
        assert "FOR UPDATE" not in asked.captured_queries[0]["sql"]


@pytest.mark.django_db
def test_a_click_proves_a_display() -> None:
    run, token = sent()
    receive(token, Receipt.CLICKED)
    assert counted(run) == (1, 1, 0)
    assert not receive(token, Receipt.DISPLAYED)


@pytest.mark.django_db(transaction=True)
def test_twenty_copies_at_once_count_once() -> None:
    run, token = sent()

    def report(_number: int) -> bool:
        try:
            return receive(token, Receipt.DISPLAYED)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(report, range(20))) == 1
    assert counted(run) == (1, 0, 0)


@pytest.mark.django_db
def test_forged_foreign_and_late_tokens_change_nothing() -> None:
    run, token = sent()
    row = Delivery.objects.get()
    never_sent = tokens.make(tokens.DeliveryKey(row.month, run.pk, row.subscription_id + 1))
    forged = token[:-2] + ("aa" if token[-2:] != "aa" else "bb")
    for bad in (forged, never_sent, "", "x" * 43, "å" * tokens.LENGTH, token + "="):
        assert not receive(bad, Receipt.CLICKED)
    with time_machine.travel(timezone.now() + timedelta(days=36), tick=False):
        assert not receive(token, Receipt.CLICKED)
    assert counted(run) == (0, 0, 0)


@pytest.mark.django_db
def test_a_device_that_was_not_reached_cannot_report() -> None:
    run, token = sent(a=GONE)
    assert not receive(token, Receipt.DISPLAYED)
    assert counted(run) == (0, 0, 0)


@pytest.mark.django_db
def test_a_device_may_report_before_the_answer_is_on_record() -> None:
    site = make_site()
    make_subscription(site)
    run = starting.start(make_campaign(site))
    planning.plan(run.pk)
    service = FakeService()

    def report_first() -> None:
        row = Delivery.objects.get()
        token = tokens.make(tokens.DeliveryKey(row.month, run.pk, row.subscription_id))
        assert receive(token, Receipt.DISPLAYED)

    service.before = report_first
    sending.deliver(Batch.objects.get().pk, service)
    counts = reports.run_counts(run)
    assert (counts["accepted"], counts["displayed"]) == (1, 1)


@pytest.mark.django_db
def test_the_endpoint_takes_plain_text_without_cookies() -> None:
    run, token = sent()
    client = Client(enforce_csrf_checks=True)
    for event in ("displayed", "clicked", "clicked"):
        answer = client.post(
            "/push/events/", json.dumps({"t": token, "e": event}), content_type="text/plain"
        )
        assert answer.status_code == 204
        assert not answer.cookies
    assert counted(run) == (1, 1, 0)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "body",
    ["", "[]", "null", "{}", '{"t": 1, "e": "clicked"}', '{"t": "x"}', '{"t": "x", "e": "paid"}']
    + [
        '{"t": ["x"], "e": "clicked"}',
        '{"t": "x", "e": ["clicked"]}',
        '{"t": "' + "x" * 2_000,
        "\0",
        "[" * 1_024,
    ],
)
def test_malformed_reports_get_a_sentence(body: str) -> None:
    answer = Client().post("/push/events/", body, content_type="text/plain")
    assert answer.status_code == 400
    assert "Expected" in answer.json()["detail"]
    assert Client().get("/push/events/").status_code == 405


@pytest.mark.django_db
def test_an_unknown_token_gets_the_same_answer() -> None:
    answer = Client().post(
        "/push/events/", json.dumps({"t": "x" * 43, "e": "clicked"}), content_type="text/plain"
    )
    assert answer.status_code == 204
