"""Where a tap leads in an app, and where it never does."""

from __future__ import annotations

import pytest
import time_machine

from campaigns.models import Delivery
from campaigns.personal import Aborted, Reader, Renderer
from subscribers.models import Channel
from tests.campaigns.foreseeing import NOON, foretell, play
from tests.campaigns.personal import app, reader, renderer
from tests.factories import (
    make_app,
    make_campaign,
    make_credential,
    make_site,
    make_subscriber,
    make_subscription,
)

URL = "https://shop.example/down"


def link_of(of: Renderer, who: Reader | None = None) -> str:
    """What a tap opens in an app on iOS."""
    found: str = app(of, Channel.APNS, who)["beckon"]["link"]
    return found


@pytest.mark.parametrize(
    ("link", "leads"),
    [
        ("", URL + "?utm_source=beckon"),
        ("fjell://p/7?x=å", "fjell://p/7?x=å"),
        ("https://shop.example/app", "https://shop.example/app?utm_source=beckon"),
        ("fjell://p/{{ product.product }}", "fjell://p/frost%20mitt%2F..%3Fx%3D1"),
        ("{% if cart %}fjell://cart{% else %}fjell://home{% endif %}", "fjell://home"),
        ("{% if cart %}fjell://cart{% endif %}", URL + "?utm_source=beckon"),
        ("{{ product.url }}", "https://shop.example/mitt?utm_source=beckon"),
        (
            "https://shop.example/{{ product.product }}",
            "https://shop.example/frost%20mitt%2F..%3Fx%3D1?utm_source=beckon",
        ),
    ],
    ids=["none", "own", "web", "filled", "either", "nothing", "value", "web-filled"],
)
def test_where_a_tap_leads(link: str, leads: str) -> None:
    product = {"product": "frost mitt/..?x=1", "url": "https://shop.example/mitt"}
    who = reader(platform="iOS", product=product)
    one = renderer(app={"ios": {"link": link}}, utm_source="beckon")
    assert link_of(one, who) == leads
    assert app(one, Channel.APNS, who)["beckon"]["url"] == URL + "?utm_source=beckon"


@pytest.mark.parametrize(
    ("link", "value"),
    [
        ("{{ product.url }}", "javascript:alert(1)"),
        ("{{ product.url }}", "https://evil.example/"),
        ("{{ product.url }}", "other://x"),
        ("{{ product.url }}{% if cart %}fjell://x{% endif %}", "other://x"),
        ("{{ product.url }}", "fjell://x"),
        ("{% assign x = product.url %}{{ x }}", "data:text/html,x"),
        ("{% if product %}javascript:x{% endif %}", "x"),
        ("fjell://{% for i in (1..40) %}{{ product.url }}{% endfor %}", "x" * 100),
    ],
    ids=range(8),
)
def test_a_link_that_leads_elsewhere_is_not_sent(link: str, value: str) -> None:
    who = reader(platform="iOS", product={"url": value})
    one = renderer(app={"ios": {"link": link}})
    with pytest.raises(Aborted, match="bad_address"):
        app(one, Channel.APNS, who)
    # Nobody else is concerned by it.
    assert one.payload(who)
    assert app(one, Channel.FCM, reader(platform="Android"))


def test_what_a_link_names_must_be_known_and_may_be_missing() -> None:
    one = renderer(app={"ios": {"link": "fjell://p/{{ product.product }}"}})
    assert not one.plain
    assert one.needs.product
    assert one.used == {"product.product"}
    who = reader(platform="iOS")
    assert one.rendered(who, channel=Channel.APNS)[1] == {"product.product"}
    assert one.rendered(who)[1] == frozenset()
    first = link_of(one, reader(product={"product": "a"}))
    second = link_of(one, reader(product={"product": "b"}))
    assert (first, second) == ("fjell://p/a", "fjell://p/b")


def test_links_are_of_the_content_too() -> None:
    one = renderer(app={"android": {"link": "fjell://a"}})
    assert one.content(channel=Channel.FCM).link_android == "fjell://a"
    assert one.content(channel=Channel.FCM).link("android") == "fjell://a"
    assert one.content(channel=Channel.FCM).link("ios") == URL


@pytest.mark.django_db
def test_the_dry_run_foretells_whose_link_leads_elsewhere() -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        site = make_site()
        make_credential(site, Channel.APNS)
        here, away = ({"page": f"https://{host}/"} for host in ("shop.example", "evil.example"))
        people = [make_subscriber(site, attributes=page) for page in (here, away, away, away)]
        for person in people[:2]:
            make_app(site, Channel.APNS, subscriber=person)
        make_app(site, Channel.FCM, subscriber=people[2])
        make_subscription(site, subscriber=people[3])
        link = "{{ subscriber.page }}"
        campaign = make_campaign(site, message={"app": {"ios": {"link": link}}})
        foretold = foretell(campaign).counts
        assert {name: count for name, count in foretold.items() if count} == {
            "bad_address": 1,
            "send": 3,
        }
        run = play(campaign, clock)
    left_out = Delivery.objects.filter(run=run).exclude(reason="").values_list("reason", flat=True)
    assert "bad_address" in left_out
    assert Delivery.objects.filter(run=run, state=Delivery.State.ACCEPTED).count() == 3
