"""Audiences by what people made of campaigns: the ledger asked as a field of the catalogue."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Site
from audiences import compiling, rules, sentences
from audiences.catalogue import FIELDS, Scope
from campaigns import planning, starting
from campaigns.models import Campaign, Delivery, Run
from subscribers.models import Subscription
from tests.factories import make_campaign, make_site, make_subscriber, make_subscription

pytestmark = pytest.mark.django_db
State = Delivery.State


@pytest.fixture
def site() -> Site:
    return make_site(time_zone="Europe/Oslo")


def sent(campaign: Campaign) -> Run:
    """The campaign as accepted for everybody a minute ago."""
    run = starting.start(campaign)
    planning.plan(run.pk)
    Delivery.objects.filter(run_id=run.pk).update(
        state=State.ACCEPTED, sent_at=timezone.now() - timedelta(minutes=1)
    )
    return run


def row(run: Run, device: Subscription, **fields: Any) -> None:
    assert Delivery.objects.filter(run_id=run.pk, subscription=device).update(**fields) == 1


def who(site: Site, **condition: Any) -> set[int]:
    """The devices that a condition holds for; its complement holds for all others."""
    now = timezone.now()
    found = asked(site, now, {"version": 2, "all": [condition]})
    assert found.isdisjoint(asked(site, now, {"version": 2, "none": [condition]}))
    opposite = "did_not" if condition["op"] == "did" else "did"
    everybody = set(Subscription.objects.filter(site=site).values_list("pk", flat=True))
    assert asked(site, now, {"version": 2, "all": [condition | {"op": opposite}]}) == (
        everybody - found
    )
    return found


def asked(site: Site, now: Any, rule: dict[str, Any]) -> set[int]:
    held = compiling.compile(rules.parse(rule), Scope(site, now))
    return set(Subscription.objects.filter(held, site=site).values_list("pk", flat=True))


def test_received_is_what_a_push_service_accepted(site: Site) -> None:
    one, two, three = (make_subscription(site) for _ in range(3))
    run = sent(make_campaign(site))
    row(run, two, state=State.UNKNOWN)
    row(run, three, state=State.REFUSED)
    assert who(site, field="received", op="did") == {one.pk}


def test_what_one_device_reports_holds_for_the_person(site: Site) -> None:
    person = make_subscriber(site)
    phone, laptop = (make_subscription(site, subscriber=person) for _ in range(2))
    other = make_subscription(site)
    run = sent(make_campaign(site))
    row(run, phone, clicked_at=timezone.now())
    row(run, other, dismissed_at=timezone.now())
    assert who(site, field="clicked", op="did") == {phone.pk, laptop.pk}
    assert who(site, field="dismissed", op="did") == {other.pk}
    assert who(site, field="ignored", op="did") == set()


def test_ignored_is_neither_clicked_nor_dismissed(site: Site) -> None:
    idle, clicks, unreached = (make_subscription(site) for _ in range(3))
    run = sent(make_campaign(site))
    row(run, clicks, clicked_at=timezone.now())
    row(run, unreached, state=State.GONE)
    assert who(site, field="ignored", op="did") == {idle.pk}


def test_of_some_campaigns_within_some_days(site: Site) -> None:
    device, late = make_subscription(site), make_subscription(site)
    first, second = make_campaign(site), make_campaign(site)
    for campaign in (first, second):
        row(sent(campaign), device, clicked_at=timezone.now())
    old = timezone.now() - timedelta(days=9)
    row(starting.run_of(first), late, sent_at=old, clicked_at=old)  # type: ignore[arg-type]
    ids = [str(first.pk)]
    clicked = {"field": "clicked", "op": "did", "campaigns": ids}
    assert who(site, **clicked) == {device.pk, late.pk}
    assert who(site, **clicked, within={"days": 7}) == {device.pk}
    assert who(site, **clicked, within={"hours": 10 * 24}) == {device.pk, late.pk}
    assert who(site, field="clicked", op="did", campaigns=[str(second.pk)]) == {device.pk}


def test_a_run_that_ended_long_ago_is_not_read(site: Site) -> None:
    device = make_subscription(site)
    run = sent(make_campaign(site))
    row(run, device, clicked_at=timezone.now())
    Run.objects.filter(pk=run.pk).update(finished_at=timezone.now() - timedelta(days=60))
    assert who(site, field="clicked", op="did", within={"days": 7}) == set()
    assert who(site, field="clicked", op="did", within={"days": 30}) == {device.pk}


def test_tests_and_other_sites_do_not_count(site: Site) -> None:
    make_subscription(site)
    elsewhere = make_site(name="Elsewhere")
    make_subscription(elsewhere)
    foreign = sent(make_campaign(elsewhere))
    assert who(site, field="received", op="did") == set()
    named = [str(foreign.campaign_id)]
    assert who(site, field="received", op="did", campaigns=named) == set()


def test_the_sentence_and_what_is_known(site: Site) -> None:
    device = make_subscription(site)
    campaign = make_campaign(site, name="Black week")
    rule = {
        "version": 2,
        "all": [
            {"field": "received", "op": "did", "campaigns": [str(campaign.pk)]},
            {"field": "clicked", "op": "did_not", "within": {"days": 30}},
        ],
    }
    assert sentences.sentence(rule, site) == (
        "People who were sent Black week, and who did not click any campaign in the last 30 days."
    )
    scope = Scope(site, timezone.now())
    assert FIELDS["received"].knows({}, device, scope) == "none"
    sent(campaign)
    known = FIELDS["received"].knows({}, device, Scope(site, timezone.now()))
    assert known.startswith("1 message, ")


def test_one_person_is_asked_by_the_devices_index(site: Site) -> None:
    """Scope.only narrows the ledger too, and changes no answer."""
    device, other = make_subscription(site), make_subscription(site)
    run = sent(make_campaign(site))
    row(run, device, clicked_at=timezone.now())
    rule = rules.parse({"version": 2, "all": [{"field": "clicked", "op": "did"}]})
    for person in (device, other):
        scope = Scope(site, timezone.now(), (person.subscriber_id,))
        mine = Subscription.objects.filter(
            compiling.compile(rule, scope), subscriber=person.subscriber_id
        )
        assert mine.exists() == (person == device)
