"""audiences.references: rules that name audiences, written out, and what is refused."""

from __future__ import annotations

import time
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from accounts.models import Site
from audiences import compiling, references, rules
from audiences.catalogue import Scope
from audiences.models import Audience, StaticList
from audiences.rules import Rule, RuleError
from subscribers.models import Subscription
from tests.factories import make_campaign, make_site, make_subscriber, make_subscription

pytestmark = pytest.mark.django_db
Json = dict[str, Any]
VIP: Json = {"field": "tag", "op": "any_of", "values": ["vip"]}


@pytest.fixture
def site() -> Site:
    return make_site()


def named(site: Site, name: str, *nodes: Json, match: str = "all") -> Audience:
    return Audience.objects.create(site=site, name=name, rule={"version": 2, match: list(nodes)})


def of(*audiences: Audience) -> Json:
    return {"version": 2, "all": [ref(one) for one in audiences]}


def ref(audience: Audience) -> Json:
    return {"audience": str(audience.pk)}


def refused(site: Site, rule: Rule, **more: Any) -> RuleError:
    with pytest.raises(RuleError) as caught:
        references.check(rule, site, **more)
    return caught.value


def test_writes_out_what_is_named(site: Site) -> None:
    friends = named(site, "Friends", VIP, match="any")
    rule = rules.parse({"version": 2, "all": [VIP, {"none": [ref(friends)]}]})
    references.check(rule, site)
    out = references.resolve(rule, site)
    assert out.as_json() == {"version": 2, "all": [VIP, {"none": [{"any": [VIP]}]}]}
    assert out.references == ()
    assert rules.parse(out.as_json(), written_out=True) == out


def test_includes_and_excludes(site: Site) -> None:
    vip = make_subscription(site, subscriber=make_subscriber(site, tags=["vip"])).pk
    both = make_subscription(site, subscriber=make_subscriber(site, tags=["vip", "x"])).pk
    other = make_subscription(site).pk
    friends = named(site, "Friends", VIP)
    xs = named(site, "X", {"field": "tag", "op": "any_of", "values": ["x"]})
    everyone = named(site, "All of them")
    expected = {
        "friends but no x": ([ref(friends), {"none": [ref(xs)]}], {vip}),
        "friends": ([ref(friends)], {vip, both}),
        "everyone": ([ref(everyone)], {vip, both, other}),
        "no one": ([{"none": [ref(everyone)]}], set()),
        "everyone or friends": ([{"any": [ref(friends), ref(everyone)]}], {vip, both, other}),
        "not friends": ([{"none": [ref(friends)]}], {other}),
    }
    for nodes, whom in expected.values():
        rule = rules.parse({"version": 2, "all": nodes})
        asked = compiling.compile(rule, Scope(site, timezone.now()))
        found = Subscription.objects.filter(asked, site=site)
        assert set(found.values_list("pk", flat=True)) == whom, nodes


def test_a_circle_is_refused_with_its_way(site: Site) -> None:
    one = named(site, "One", VIP)
    two = named(site, "Two", {"any": [VIP, ref(one)]})
    three = named(site, "Three", ref(two))
    error = refused(site, rules.parse({"version": 2, "all": [VIP, ref(three)]}), saving=one)
    assert error.path == "all.1"
    assert error.sentence == "These audiences lead in a circle: One → Three → Two → One."
    error = refused(site, rules.parse(of(one)), saving=one)
    assert error.sentence == "These audiences lead in a circle: One → One."
    # Two who save at the same moment may still close one: it is found when it is asked.
    Audience.objects.filter(pk=one.pk).update(rule=of(three))
    outside = rules.parse({"version": 2, "none": [ref(two)]})
    error = refused(site, outside)
    assert (error.path, error.sentence[-24:]) == ("none.0", "Two → One → Three → Two.")
    with pytest.raises(RuleError, match="circle"):
        compiling.compile(outside, Scope(site, timezone.now()))


def test_a_diamond_is_no_circle(site: Site) -> None:
    tip = named(site, "Tip", VIP)
    left, right = named(site, "Left", ref(tip)), named(site, "Right", ref(tip))
    rule = rules.parse(of(left, right, tip))
    references.check(rule, site)
    assert len(list(references.resolve(rule, site).root.leaves())) == 3


def test_what_is_not_there_is_refused_with_its_place(site: Site) -> None:
    foreign = named(make_site(name="Other"), "Foreign", VIP)
    unnamed = make_campaign(site).audience
    gone = Audience(pk=uuid4())
    for audience in (foreign, unnamed, gone):
        rule = rules.parse({"version": 2, "all": [VIP, {"none": [ref(audience)]}]})
        error = refused(site, rule)
        assert error.path == "all.1.none.0"
        assert error.sentence == "An audience that this names is not there any more."
        with pytest.raises(RuleError):
            compiling.compile(rule, Scope(site, timezone.now()))


def test_a_list_or_campaign_that_is_not_there_is_refused(site: Site) -> None:
    """Who is on none of the lists that are gone, or got no such campaign, is everybody."""
    other = make_site(name="Other")
    mine = StaticList.objects.create(site=site, name="Left out")
    foreign = StaticList.objects.create(site=other, name="Left out")
    own, theirs = make_campaign(site), make_campaign(other)
    for there, gone in (
        ({"field": "list", "op": "none_of", "values": [str(mine.pk)]}, str(foreign.pk)),
        ({"field": "received", "op": "did_not", "campaigns": [str(own.pk)]}, str(theirs.pk)),
    ):
        key = "values" if "values" in there else "campaigns"
        references.check(rules.parse({"version": 2, "all": [there]}), site)
        for missing in (gone, str(uuid4())):
            node = there | {key: [*there[key], missing]}
            error = refused(site, rules.parse({"version": 2, "all": [VIP, node]}))
            assert error.path == f"all.1.{key}"
            assert error.sentence == "A list or campaign that this names is not there any more."
            through = named(site, missing, node)
            assert refused(site, rules.parse(of(through))).path == "all.0"


def test_what_grows_without_end_is_bounded(site: Site) -> None:
    last = named(site, "Layer 0", VIP)
    for number in range(1, 8):
        last = named(site, f"Layer {number}", *[ref(last)] * 100)
    rule = rules.parse(of(last))
    before = time.process_time()
    error = refused(site, rule)
    assert time.process_time() - before < 1
    assert error.path == "all.0"
    assert "more than 500 conditions" in error.sentence


def test_a_long_chain_is_refused(site: Site) -> None:
    """Each step nests deeper, and so does the statement."""
    last = named(site, "0", VIP)
    for number in range(1, 400):
        last = named(site, str(number), ref(last))
    error = refused(site, rules.parse(of(last)))
    assert error.path == "all.0"
    assert "at most 10" in error.sentence


def test_a_chain_of_ten_is_asked(site: Site) -> None:
    deepest: Json = VIP
    for _ in range(7):
        deepest = {"none": [deepest]}
    last = named(site, "1", deepest)
    for number in range(2, 11):
        nested = ref(last)
        for _ in range(7):
            nested = {"any": [VIP, nested]}
        last = named(site, str(number), nested)
    rule = rules.parse(of(last))
    references.check(rule, site)
    make_subscription(site, subscriber=make_subscriber(site, tags=["vip"]))
    asked = compiling.compile(rule, Scope(site, timezone.now()))
    assert Subscription.objects.filter(asked).count() == 1
    written_out = references.resolve(rule, site).as_json()
    assert rules.parse(written_out, written_out=True).as_json() == written_out


def test_names_what_a_rule_names(site: Site) -> None:
    friends = named(site, "Friends", VIP)
    foreign = named(make_site(name="Other"), "Foreign", VIP)
    buyers = StaticList.objects.create(site=site, name="Buyers")
    campaign = make_campaign(site, name="Winter")
    rule = rules.parse(
        {
            "version": 2,
            "any": [
                *of(friends, foreign)["all"],
                {"field": "list", "op": "none_of", "values": [str(buyers.pk), str(uuid4())]},
                {"field": "clicked", "op": "did", "campaigns": [str(campaign.pk)]},
            ],
        }
    )
    assert references.names(rule, site) == {
        str(friends.pk): "Friends",
        str(buyers.pk): "Buyers",
        str(campaign.pk): "Winter",
    }
    assert references.names(rules.EVERYONE, site) == {}
