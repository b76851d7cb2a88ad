"""audiences.explaining: why somebody is in an audience, or is not."""

from datetime import timedelta
from time import perf_counter
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Role, Site
from audiences import counting, explaining, rules
from audiences.explaining import Explanation, Step
from audiences.models import Audience
from audiences.rules import Rule, RuleError
from subscribers import partitions
from subscribers.models import Event, EventName, Subscriber
from tests.audiences.test_counting import rule, tagged
from tests.factories import make_member, make_site, make_subscriber, make_subscription

pytestmark = pytest.mark.django_db
FIREFOX = {"field": "browser", "op": "any_of", "values": ["Firefox"]}
OPERA = {"field": "browser", "op": "any_of", "values": ["Opera"]}


@pytest.fixture
def site() -> Site:
    return make_site()


@pytest.fixture
def ann(site: Site) -> Subscriber:
    person = make_subscriber(site, tags=["vip", "new"], attributes={"name": "Ann", "orders": 7})
    make_subscription(site, subscriber=person)
    return person


def explain(person: Subscriber, *nodes: Any) -> Explanation:
    return explaining.explain(person.site, rule(*nodes), person)


def leaves(step: Step) -> list[Step]:
    return [step] if step.match is None else [leaf for one in step.steps for leaf in leaves(one)]


def test_every_condition_with_its_value_and_whether_it_held(ann: Subscriber) -> None:
    orders = {"field": "attribute_number", "name": "orders", "op": "more_than", "value": 9}
    found = explain(ann, tagged("vip"), {"any": [orders, FIREFOX]}, {"none": [tagged("old")]})
    assert [(leaf.path, leaf.holds, leaf.value) for leaf in leaves(found.root)] == [
        ("all.0", True, "vip, new"),
        ("all.1.any.0", False, "7"),
        ("all.1.any.1", True, "Firefox"),
        ("all.2.none.0", False, "vip, new"),
    ]
    assert leaves(found.root)[0].clause == "who have the tag vip"
    assert [step.holds for step in found.root.steps] == [True, True, True]
    assert (found.matches, found.reachable, found.root.holds) == (True, True, True)
    assert found.sentence == "Ann is in this audience."
    assert explaining.telling(found) == "Browser: Firefox"


def test_what_says_most_about_why(ann: Subscriber) -> None:
    orders = {"field": "attribute_number", "name": "orders", "op": "more_than", "value": 5}
    plan = {"field": "attribute_text", "name": "plan", "op": "is_not_set"}
    assert explaining.telling(explain(ann)) == ""
    assert explaining.telling(explain(ann, {"none": [tagged("x")]})) == ""
    assert explaining.telling(explain(ann, plan, orders)) == "orders: 7"
    assert explaining.telling(explain(ann, plan)) == "whose plan is not known"


@pytest.mark.parametrize(
    ("nodes", "reason"),
    [
        ([tagged("x")], "it is for people who have the tag x"),
        ([{"any": [tagged("x"), OPERA]}], "it is for people who have the tag x or who use Opera"),
        ([{"none": [tagged("x", "vip"), OPERA]}], "it leaves out people who have the tag x or vip"),
        (
            [{"none": [{"all": [tagged("vip"), FIREFOX]}]}],
            "it leaves out people who have the tag vip and who use Firefox",
        ),
        (
            [tagged("x"), OPERA],
            "it is for people who have the tag x, and it is for people who use Opera",
        ),
        (
            [{"any": [{"none": [tagged("vip")]}, OPERA]}],
            "it is for people not (who have the tag vip) or who use Opera",
        ),
    ],
)
def test_why_not(ann: Subscriber, nodes: list[Any], reason: str) -> None:
    found = explain(ann, *nodes)
    assert not found.matches
    assert found.sentence == f"Ann is not in this audience, because {reason}."


def test_one_device_must_meet_it_all(site: Site, ann: Subscriber) -> None:
    """Each condition holds on some device, and no device meets both."""
    make_subscription(site, subscriber=ann, browser="Opera", platform="Windows")
    linux = {"field": "platform", "op": "any_of", "values": ["Linux"]}
    found = explain(ann, OPERA, linux)
    assert not found.matches
    assert found.device is not None
    differing = leaves(found.root)[0].devices
    assert {(one.device.browser, one.holds, one.value) for one in differing} == {
        ("Firefox", False, "Firefox"),
        ("Opera", True, "Opera"),
    }
    found = explain(ann, OPERA, {"any": [linux, FIREFOX, tagged("vip")]})
    assert found.matches
    assert found.device is not None
    assert found.device.browser == "Opera"
    assert not leaves(found.root)[3].devices


def test_who_left_matches_and_is_not_reached(site: Site) -> None:
    person = make_subscriber(site, attributes={"name": "Bo"})
    make_subscription(site, subscriber=person, state="gone", browser="Opera")
    make_subscription(site, subscriber=person)
    found = explain(person, OPERA)
    assert (found.matches, found.reachable) == (True, False)
    assert "no message reaches them" in found.sentence
    assert explain(person).reachable


def test_a_person_without_a_device(site: Site) -> None:
    person = make_subscriber(site, tags=["vip"], attributes={"name": "Cy"})
    subscribed = {"field": "subscribed_at", "op": "within_last", "days": 3}
    found = explain(person, tagged("vip"), {"none": [subscribed]})
    assert (found.matches, found.root.holds, found.device) == (False, False, None)
    assert found.sentence.endswith("because they have no device.")
    assert [leaf.value for leaf in leaves(found.root)] == ["vip", ""]
    assert not explain(person).root.holds


def test_audiences_are_named_and_written_out(site: Site, ann: Subscriber) -> None:
    inner = Audience.objects.create(site=site, name="Inner", rule=rule(tagged("new")).as_json())
    node = {"any": [{"audience": str(inner.pk)}, tagged("x")]}
    outer = Audience.objects.create(site=site, name="Outer", rule=rule(node).as_json())
    found = explain(ann, {"audience": str(outer.pk)}, tagged("vip"))
    (named, _tagged) = found.root.steps
    assert (named.name, named.holds, named.path) == ("Outer", True, "all.0")
    assert [leaf.holds for leaf in leaves(named)] == [True, False, True][:2]
    found = explain(ann, {"none": [{"audience": str(inner.pk)}]})
    assert found.sentence.endswith("leaves out people who are in the audience Inner.")
    inner.delete()
    with pytest.raises(RuleError):
        explain(ann, {"audience": str(outer.pk)})


def test_it_says_what_counting_says(site: Site, ann: Subscriber) -> None:
    asked = rule(tagged("vip"), {"none": [OPERA]})
    bo = make_subscriber(site)
    make_subscription(site, subscriber=bo, browser="Opera")
    both = explaining.explain_all(site, asked, [ann, bo])
    assert [one.matches for one in both] == [True, False]
    assert counting.count(site, asked).people == 1


def test_ten_conditions_cost_few_queries_and_little_time(site: Site, ann: Subscriber) -> None:
    now = timezone.now()
    partitions.keep(now)
    viewed = EventName.objects.create(site=site, name="viewed")
    for n in range(50):
        Event.objects.create(
            name=viewed, subscriber=ann, at=now - timedelta(minutes=n), number=n + 1
        )
    event = {"field": "event", "op": "at_least", "name": "viewed", "count": 50}
    last = {"field": "event_last", "op": "within_last", "name": "viewed", "days": 3}
    nodes = [tagged("vip"), FIREFOX, event, last, *(tagged("vip") for _n in range(6))]
    with CaptureQueriesContext(connection) as queries:
        began = perf_counter()
        found = explain(ann, *nodes)
        took = perf_counter() - began
    assert found.matches
    assert leaves(found.root)[2].value.startswith("50 times, last ")
    assert len(queries) <= 9
    # Some 20 ms where nothing else runs.
    assert took < 2


def test_of_many_conditions_only_some_values_are_looked_up(
    ann: Subscriber, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(explaining, "MOST_KNOWN", 1)
    found = explain(ann, tagged("vip"), tagged("new"))
    assert [(leaf.holds, leaf.value) for leaf in leaves(found.root)] == [
        (True, "vip, new"),
        (True, ""),
    ]


# The audiences of a person


def test_the_audiences_of_a_person(
    site: Site, ann: Subscriber, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(explaining, "MOST_AT_ONCE", 2)
    saved = {
        name: Audience.objects.create(site=site, name=name, rule=asked.as_json())
        for name, asked in {
            "b vips": rule(tagged("vip")),
            "A all": rules.EVERYONE,
            "c none": rule(tagged("x")),
            "": rules.EVERYONE,
            "d firefox": rule(FIREFOX),
        }.items()
    }
    Audience.objects.create(site=site, name="broken", rule={"version": 9})
    Audience.objects.create(site=make_site(name="Other"), name="Foreign", rule=Rule().as_json())
    assert explaining.audiences_of(site, ann) == [
        saved["A all"],
        saved["b vips"],
        saved["d firefox"],
    ]
    ann.subscriptions.update(state="gone")
    assert explaining.audiences_of(site, ann) == []


def signed_in(site: Site) -> Client:
    client = Client()
    user = make_member(site, Role.VIEWER)
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def test_the_panel_of_a_person(
    site: Site, ann: Subscriber, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = f"/sites/{site.pk}/audiences/of/{ann.pk}/"
    client = signed_in(site)
    assert "In none of the named" in client.get(address).content.decode()
    vips = Audience.objects.create(site=site, name="Vips & co", rule=rule(tagged("vip")).as_json())
    page = client.get(address).content.decode()
    assert f"/audiences/{vips.pk}/?person={ann.pk}#explain" in page
    assert "Vips &amp; co" in page
    assert "looked through" not in page
    monkeypatch.setattr(explaining, "MOST_AUDIENCES", 1)
    Audience.objects.create(site=site, name="Z", rule=Rule().as_json())
    assert "Only the first 1 by name were looked through" in client.get(address).content.decode()
    person_page = client.get(f"/sites/{site.pk}/people/{ann.pk}/").content.decode()
    assert f'hx-get="{address}"' in person_page
    assert client.get(f"/sites/{site.pk}/audiences/of/{vips.pk}/").status_code == 404
    assert signed_in(make_site(name="Other")).get(address).status_code == 404
