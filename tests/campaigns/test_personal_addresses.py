"""Where a click leads: nothing that is put in can change it to another scheme or host."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import Site
from campaigns.personal import Aborted
from tests.campaigns.personal import SITE, kari, reader, renderer

EVIL = (
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:x",
    "file:///etc/passwd",
    "ftp://shop.example/",
    "//evil.example/",
    "/\\evil.example/",
    "https:evil.example",
    "https://evil.example/",
    "https://shop.example.evil.example/",
    "https://evilshop.example/",
    "https://shop.example@evil.example/",
    "https://user:secret@shop.example/",
    "https://shop.example\\@evil.example/",
    "https://shop.example:444/",
    "http s://shop.example/",
    "\thttps://evil.example/",
    "https://evil.example%2F.shop.example/",
    "https://evil.example;.shop.example/",
    "https://evil.example\uff0f.shop.example/",
    "https://evil.example\u3002.shop.example/",
    "https://.shop.example/",
    "https://[::1",
    "https://",
    "shop.example",
    "",
)


def leads(url: str, value: str, site: Site = SITE) -> str:
    """Where somebody with this value is led."""
    return renderer(site, url=url).content(kari(value)).url


@pytest.mark.parametrize(
    ("url", "value", "expected"),
    [
        ("https://shop.example/{{ subscriber.first_name }}", "å b", "/%C3%A5%20b"),
        ("https://shop.example/{{ subscriber.first_name }}", "../../x", "/..%2F..%2Fx"),
        (
            "https://shop.example/{{ subscriber.first_name }}",
            "//evil.example",
            "/%2F%2Fevil.example",
        ),
        ("https://shop.example/?q={{ subscriber.first_name }}", "a&b=c#d", "/?q=a%26b%3Dc%23d"),
        ("https://shop.example/?q={{ subscriber.first_name | url_encode }}", "a b", "/?q=a%20b"),
        ("https://shop.example/?q={{ subscriber.first_name | upcase }}", "å", "/?q=%C3%85"),
        ("https://shop.example/{{ subscriber.nobody }}", "", "/"),
        ("https://shop.example/{% if cart %}cart{% else %}new{% endif %}", "", "/new"),
        (
            "{% if cart %}{{ cart.first_item.url }}{% else %}https://shop.example/{% endif %}",
            "",
            "/",
        ),
    ],
)
def test_what_is_put_in_stays_in_its_place(url: str, value: str, expected: str) -> None:
    assert leads(url, value) == f"https://shop.example{expected}"


@pytest.mark.parametrize("value", EVIL)
def test_an_address_that_a_value_holds_leads_to_the_site_or_nowhere(value: str) -> None:
    with pytest.raises(Aborted) as stopped:
        leads("{{ subscriber.first_name }}", value)
    assert stopped.value.code == "bad_address"


@pytest.mark.parametrize(
    "value",
    [
        "https://shop.example/frost-mitt?size=m#top",
        "HTTPS://SHOP.EXAMPLE/A",
        "http://shop.example/",
        "https://no.shop.example/",
        "https://www.fjell.example:8443/",
    ],
)
def test_an_address_that_a_value_holds_may_lead_to_the_site(value: str) -> None:
    assert leads("{{ subscriber.first_name }}", value) == value


def test_a_host_that_the_author_wrote_out_is_theirs_to_choose() -> None:
    url = "{% if cart %}{{ cart.first_item.url }}{% else %}https://elsewhere.example/x{% endif %}"
    assert renderer(url=url).content(reader()).url == "https://elsewhere.example/x"
    there = reader(cart={"first_item": {"url": "https://elsewhere.example/y"}})
    assert renderer(url=url).content(there).url == "https://elsewhere.example/y"


def test_the_default_address_is_the_sites_own_too() -> None:
    site = Site(
        origins=["https://shop.example"], default_url="https://www.other.example/", name="x"
    )
    assert leads("{{ subscriber.first_name }}", "https://www.other.example/a", site)


def test_parameters_follow_what_was_put_in() -> None:
    made = renderer(
        url="{{ subscriber.first_name }}",
        utm_source="beckon",
        utm_campaign="{{ variant }}-{{ language }}",
    )
    url = made.content(kari("https://shop.example/a?utm_source=own#top")).url
    assert url == "https://shop.example/a?utm_source=own&utm_campaign=A-en#top"


@pytest.mark.parametrize("value", EVIL[:15])
@pytest.mark.parametrize("part", ["x{{ v }}", "x?{{ v }}", "x#{{ v }}", "{{ v }}"])
def test_no_value_moves_an_address_whose_host_is_written_out(value: str, part: str) -> None:
    url = f"https://shop.example/{part.replace('v', 'subscriber.first_name')}"
    assert leads(url, value).startswith("https://shop.example/")


@given(st.text(max_size=40))
def test_no_text_at_all_moves_it(value: str) -> None:
    url = leads(
        "https://shop.example/a/{{ subscriber.first_name }}/b?c={{ subscriber.first_name }}", value
    )
    assert url.startswith("https://shop.example/a/")
    assert url.isascii()
    assert url.isprintable()


def test_an_address_that_gets_too_long_leads_nowhere() -> None:
    with pytest.raises(Aborted, match="bad_address"):
        leads("https://shop.example/" + "{{ subscriber.first_name }}" * 4, "x" * 499 + "å" * 2)


def test_an_address_that_is_none_leads_nowhere() -> None:
    """As it could be stored only before it was checked."""
    for broken in ("https://[::1/{{ subscriber.first_name }}", "https://a b/{{ site.name }}"):
        with pytest.raises(Aborted, match="bad_address"):
            leads(broken, "x")
    assert renderer(url="https://[::1/?{{ site.name }}", utm_source="s").largest()


def test_a_picture_may_lie_anywhere_and_is_left_out_where_it_has_no_address() -> None:
    made = renderer(image="{{ product.image }}")
    cdn = {"image": "https://cdn.example/x.jpg"}
    assert made.content(reader(product=cdn)).image == "https://cdn.example/x.jpg"
    for evil in ("javascript:alert(1)", "data:image/png;base64,xx", "x.jpg", "https://a b/"):
        assert made.content(reader(product={"image": evil})).image == ""
    assert made.content(reader()).image == ""
    fixed = renderer(image="https://cdn.example/{{ product.product }}.jpg")
    assert (
        fixed.content(reader(product={"product": "a/b"})).image == "https://cdn.example/a%2Fb.jpg"
    )


def test_a_button_without_words_or_address_is_left_out() -> None:
    made = renderer(
        actions=[
            {"title": "{{ product.name }}", "url": "https://shop.example/"},
            {"title": "See", "url": "{{ product.url }}"},
        ]
    )
    assert made.content(reader()).actions == ()
    full = reader(product={"name": "Mitt", "url": "https://shop.example/mitt"})
    assert made.content(full).actions == (
        ("Mitt", "https://shop.example/"),
        ("See", "https://shop.example/mitt"),
    )
    with pytest.raises(Aborted, match="bad_address"):
        made.content(reader(product={"name": "Mitt", "url": "https://evil.example/"}))
