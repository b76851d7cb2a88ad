"""The ledger on the report: what happened to each device, found again and in words."""

import csv
import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db.models import Q
from django.db.models.expressions import RawSQL
from django.test import Client
from django.utils import timezone

from accounts.models import AuditEvent, Role, Site
from campaigns import entries, reasons, starting
from campaigns.entries import Wanted
from campaigns.models import Delivery, Run
from subscribers.models import Subscription
from tests.campaigns.reporting import at, device, text
from tests.factories import PUSH_ORIGIN, make_campaign, make_site

pytestmark = pytest.mark.django_db


def test_ledger_says_what_happened_in_words(mixed: Run, bob: Client) -> None:
    said = text(bob.get(at(mixed)))
    for words in (
        "410: the device left; its subscription is closed",
        "413: the message is too large for this service",
        "No answer after the request left; not repeated",
        "Left before it was their turn",
        "P big",
    ):
        assert words in said


def test_ledger_by_state_and_nothing_for_a_state_that_is_none(mixed: Run, bob: Client) -> None:
    unknown = bob.get(at(mixed), {"state": "unknown"})
    assert "P lost" in text(unknown)
    assert "P big" not in text(unknown)
    assert "P big" in text(bob.get(at(mixed), {"state": "nonsense"}))
    part = bob.get(at(mixed, "ledger"), {"state": "expired"}, headers={"HX-Request": "true"})
    assert "No device is in “Expired”." in text(part)
    without_script = bob.get(at(mixed, "ledger"), {"state": "gone"})
    assert without_script.headers["Location"] == f"{at(mixed)}?state=gone#ledger"


def test_ledger_pages_by_keyset_there_and_back(mixed: Run) -> None:
    ids = [row.subscription_id for row in entries.rows(mixed).order_by("subscription_id")]

    def listed(page: entries.Page) -> list[int]:
        return [entry.delivery.subscription_id for entry in page.entries]

    first = entries.page(mixed, size=4)
    assert (listed(first), first.previous) == (ids[:4], 0)
    second = entries.page(mixed, after=first.next, size=4)
    assert (listed(second), second.next) == (ids[4:], 0)
    back = entries.page(mixed, before=second.previous, size=4)
    assert (listed(back), back.previous, back.next) == (ids[:4], 0, ids[3])
    assert entries.page(mixed, after=ids[-1]) == entries.Page()
    assert list(entries.rows(mixed, Wanted("nonsense"))) == []


def test_cursors_of_strangers_are_ignored(mixed: Run, bob: Client) -> None:
    for value in ("x", "-1", "٣", "9" * 40, "1.5"):
        page = bob.get(at(mixed), {"after": value, "before": value, "samples": value})
        assert "P ok" in text(page)


def test_erased_devices_stay_on_the_ledger(mixed: Run, bob: Client) -> None:
    Subscription.objects.filter(endpoint__endswith="/ok").delete()
    assert "Erased since" in text(bob.get(at(mixed)))
    assert "Sandbox on this machine 2 1 1 1" in text(bob.get(at(mixed)))


def test_export_is_streamed_guarded_and_noted(
    mixed: Run, as_role: Callable[[Role], Client]
) -> None:
    person = Subscription.objects.get(endpoint__endswith="/ok").subscriber
    person.attributes = {"name": "=1+1"}
    person.save(update_fields=["attributes"])
    answer = as_role(Role.ADMIN).get(at(mixed, "export"), {"state": "accepted"})
    body = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
    rows = list(csv.DictReader(body.splitlines()))
    assert sorted(row["name"] for row in rows) == ["'=1+1", "P fine"]
    assert {row["state"] for row in rows} == {"accepted"}
    assert PUSH_ORIGIN not in body
    event = AuditEvent.objects.get(action="campaign.exported")
    assert event.detail == {"state": "accepted"}
    assert as_role(Role.MARKETER).get(at(mixed, "export")).status_code == 403


def test_export_goes_on_over_many_chunks(mixed: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from campaigns import exporting

    monkeypatch.setattr(exporting, "CHUNK", 2)
    assert len(list(exporting.lines(mixed))) == 1 + 6
    Subscription.objects.all().delete()
    assert len(list(exporting.lines(mixed))) == 1 + 6


@pytest.mark.parametrize(
    ("state", "reason", "status", "words"),
    [
        (Delivery.State.PLANNED, "", None, "Not sent yet"),
        (Delivery.State.PLANNED, "429", 429, "429: the service asked us to slow down; will be"),
        (Delivery.State.REFUSED, "apple_badtopic", 400, "400: Apple says “badtopic”"),
        (Delivery.State.REFUSED, "400", 400, "400: the push service refused it"),
        (Delivery.State.REFUSED, "new_code", None, "The push service refused it (new_code)"),
    ],
)
def test_reasons_in_words(state: int, reason: str, status: int | None, words: str) -> None:
    assert reasons.words(state, reason, status).startswith(words)


def test_every_skipped_reason_has_words() -> None:
    assert reasons.skipped("no_consent") == "Left before it was their turn"
    assert reasons.skipped("weekly_cap") == "Weekly cap"


def found(page: object) -> set[str]:
    """The people whom the ledger shows."""
    html = page.content.decode().split('id="ledger"')[1]  # type: ignore[attr-defined]
    return set(re.findall(r'class="name" href="[^"]+">([^<]+)<', html))


def search(client: Client, run: Run, **asked: str) -> set[str]:
    """Asked by htmx."""
    return found(client.get(at(run, "ledger"), asked, headers={"HX-Request": "true"}))


def test_ledger_finds_people_as_the_list_of_people_does(mixed: Run, bob: Client) -> None:
    lost = Subscription.objects.select_related("subscriber").get(endpoint__endswith="/lost")
    person = lost.subscriber
    person.external_id, person.tags = "FF-117302", ["vip"]
    person.save(update_fields=["external_id", "tags"])
    device(make_site(), "foreign", subscriber=person)
    for asked in ("p lo", "FF-1173", "ff-117302", "vip", str(person.pk)[:8], str(lost.public_id)):
        assert search(bob, mixed, q=asked) == {"P lost"}, asked
    assert search(bob, mixed, q="P ") == {"P ok", "P fine", "P left", "P big", "P lost"}
    assert search(bob, mixed, q="P ", state="gone") == {"P left"}
    page = bob.get(at(mixed), {"q": "nobody of that name", "state": "gone"})
    assert "Nothing for “nobody of that name”." in text(page)
    assert "Only rows in “Gone” were looked through." in text(page)
    assert search(bob, mixed, q="\x00 ") == search(bob, mixed)


def test_address_names_what_a_person_has_chosen(mixed: Run, bob: Client) -> None:
    asked = {"state": "gone", "q": "P l", "focus": "search"}
    answer = bob.get(at(mixed, "ledger"), asked, headers={"HX-Request": "true"})
    assert answer.headers["HX-Replace-Url"] == f"{at(mixed)}?q=P+l&state=gone"
    answer = bob.get(at(mixed, "ledger"), {"focus": "filter"}, headers={"HX-Request": "true"})
    assert answer.headers["HX-Replace-Url"] == at(mixed)
    polled = bob.get(at(mixed, "ledger"), {"state": "gone"}, headers={"HX-Request": "true"})
    assert "HX-Replace-Url" not in polled.headers


def test_search_that_finds_many_is_joined_with_the_ledger(
    mixed: Run, bob: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entries, "FEW_DEVICES", 1)
    assert search(bob, mixed, q="P ", state="unknown") == {"P lost"}
    assert search(bob, mixed, q="P ", state="accepted") == {"P ok", "P fine"}


def test_search_that_takes_too_long_says_so(
    mixed: Run, bob: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entries, "PATIENCE_MS", 20)
    slow = RawSQL("(SELECT count(*) FROM pg_sleep(0.3))", ())  # noqa: S611 - a constant
    monkeypatch.setitem(entries.FILTERS, "gone", Q(attempts__gte=slow))
    assert "That takes too long to look through." in text(bob.get(at(mixed), {"state": "gone"}))


def test_ledger_by_reason_from_those_that_occur(
    mixed: Run, bob: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = bob.get(at(mixed, "ledger_reasons"), {"q": "P "})
    assert "No answer after the request left; not repeated 1" in text(page)
    assert "410: the device left; its subscription is closed 1" in text(page)
    address = "?state=unknown&amp;reason=timeout_after_request&amp;q=P#ledger"
    assert address in page.content.decode()
    assert search(bob, mixed, state="unknown", reason="timeout_after_request") == {"P lost"}
    page = bob.get(at(mixed), {"state": "unknown", "reason": "timeout_after_request"})
    assert "Show all reasons" in page.content.decode()
    assert "No device has “410: " in text(
        bob.get(at(mixed), {"state": "accepted", "reason": "410"})
    )
    monkeypatch.setattr(entries, "SAMPLE", 2)
    monkeypatch.setattr(entries, "REASONS_MS", 20)
    slow = entries.REASONS.replace("WHERE month", "CROSS JOIN pg_sleep(0.3) WHERE month")
    monkeypatch.setattr(entries, "REASONS", slow.replace("SELECT state, reason FROM", SLOWLY))
    assert "Those of 2 rows" in text(bob.get(at(mixed, "ledger_reasons")))


SLOWLY = "SELECT campaigns_delivery.state, campaigns_delivery.reason FROM"


def test_reasons_of_a_run_that_has_none(site: Site, bob: Client) -> None:
    run = starting.start(make_campaign(site))
    assert "No row has a reason yet." in text(bob.get(at(run, "ledger_reasons")))


def test_what_happened_with_how_long_it_took_and_when_it_goes_on(mixed: Run, bob: Client) -> None:
    rows = Delivery.objects.filter(run_id=mixed.pk)
    mine = {name: rows.get(subscription__endpoint__endswith=f"/{name}") for name in ("ok", "fine")}
    rows.filter(pk=mine["ok"].pk).update(took_ms=96, resends=1)
    soon = timezone.now() + timedelta(minutes=10)
    rows.filter(pk=mine["fine"].pk).update(
        state=Delivery.State.PLANNED, reason="429", status_code=429, not_before=soon
    )
    said = text(bob.get(at(mixed)))
    assert "201 in 96 ms, sent again on a person&#x27;s word" in said
    local = f"{soon.astimezone(mixed.campaign.site.zone):%H:%M:%S}"
    assert f"429: the service asked us to slow down; will be tried again, again at {local}" in said
    rows.filter(pk=mine["fine"].pk).update(attempts=0, reason="", status_code=None)
    assert f"Not sent yet, its turn comes at {local}" in text(bob.get(at(mixed)))


def test_export_has_what_the_filters_leave(mixed: Run, as_role: Callable[[Role], Client]) -> None:
    asked = {"q": "P l", "state": "unknown", "reason": "timeout_after_request"}
    answer = as_role(Role.ADMIN).get(at(mixed, "export"), asked)
    body = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
    rows = list(csv.DictReader(body.splitlines()))
    assert [row["name"] for row in rows] == ["P lost"]
    assert (rows[0]["resends"], rows[0]["took_ms"]) == ("0", "")
    assert AuditEvent.objects.get(action="campaign.exported").detail == asked
    assert "unknown-timeout_after_request-ledger.csv" in answer.headers["Content-Disposition"]
