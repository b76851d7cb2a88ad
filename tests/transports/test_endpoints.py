from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subscribers.transports.endpoints import (
    EndpointRefused,
    blocked_address,
    check_endpoint,
    examine_endpoint,
    origin_of,
)

NONE: frozenset[str] = frozenset()
SANDBOX = frozenset({"http://127.0.0.1:8002", "https://Push.Shop.Example", "http://[::1]:8002"})


@pytest.mark.parametrize(
    "url",
    [
        "https://fcm.googleapis.com/fcm/send/abc:DEF-_123",
        "https://fcm.googleapis.com/wp/abc",
        "https://android.googleapis.com/gcm/send/abc",
        "https://jmt17.google.com/fcm/send/abc",
        "https://updates.push.services.mozilla.com/wpush/v2/gAAAAA",
        "https://eu.updates.push.services.mozilla.com/wpush/v1/gAAAAA",
        "https://web.push.apple.com/QABC",
        "https://wns2-par02p.notify.windows.com/w/?token=BQYAAA%3d%3d",
    ],
)
def test_push_services_are_accepted(url: str) -> None:
    assert check_endpoint(url, extra_origins=NONE) == url


def test_scheme_host_and_port_are_normalised() -> None:
    url = "HTTPS://FCM.GoogleAPIs.com:443/wp/AbC?D=e"
    assert check_endpoint(url, extra_origins=NONE) == "https://fcm.googleapis.com/wp/AbC?D=e"


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("", "scheme"),
        ("fcm.googleapis.com/wp/a", "scheme"),
        ("//fcm.googleapis.com/wp/a", "scheme"),
        ("http://fcm.googleapis.com/wp/a", "scheme"),
        ("ftp://fcm.googleapis.com/wp/a", "scheme"),
        ("file:///etc/passwd", "scheme"),
        ("javascript:alert(1)", "scheme"),
        ("gopher://fcm.googleapis.com/wp/a", "scheme"),
        ("https://", "malformed"),
        ("https:///wp/a", "malformed"),
        ("https:fcm.googleapis.com/wp/a", "malformed"),
        ("https://fcm.googleapis.com:/wp/a", "malformed"),
        ("https://fcm.googleapis.com:0/wp/a", "malformed"),
        ("https://fcm.googleapis.com:99999/wp/a", "malformed"),
        ("https://fcm.googleapis.com:x/wp/a", "malformed"),
        ("https://[fcm.googleapis.com/wp/a", "malformed"),
        ("https://fcm.googleapis.com:8443/wp/a", "port"),
        ("https://fcm.googleapis.com:80/wp/a", "port"),
        ("https://user@fcm.googleapis.com/wp/a", "userinfo"),
        ("https://fcm.googleapis.com@evil.example/wp/a", "userinfo"),
        ("https://fcm.googleapis.com:443@127.0.0.1/wp/a", "userinfo"),
        ("https://fcm.googleapis.com/wp/a#x", "fragment"),
        ("https://evil.example#.push.apple.com/a", "fragment"),
        ("https://fcm.googleapis.com/wp/a#", "fragment"),
        ("https://fcm.googleapis.com", "path"),
        ("https://fcm.googleapis.com/", "path"),
        ("https://fcm.googleapis.com/?a=b", "path"),
        ("https://evil.example\\@fcm.googleapis.com/wp/a", "characters"),
        ("https://evil.example\\.push.apple.com/a", "characters"),
        ("https://fcm.googleapis.com/wp/a b", "characters"),
        ("https://fcm.googleapis.com/wp/a\r\nHost: x", "characters"),
        ("https://fcm.googleapis.com/wp/\t", "characters"),
        ("https://fcm.googleapis.com/wp/é", "characters"),
        ("https://ｆcm.googleapis.com/wp/a", "characters"),
        ("https://fcm\u3002googleapis.com/wp/a", "characters"),
        (" https://fcm.googleapis.com/wp/a", "characters"),
        ("https://169.254.169.254/a.google.com/", "host"),
        ("https://127.0.0.1/a", "host"),
        ("https://2130706433/a", "host"),
        ("https://0x7f.1/a", "host"),
        ("https://[::1]/a", "host"),
        ("https://[::ffff:127.0.0.1]/a", "host"),
        ("https://localhost/a", "host"),
        ("https://evil.example/fcm.googleapis.com/a", "host"),
        ("https://evil.example/?x=.push.apple.com", "host"),
        ("https://evil.example;.push.apple.com.evil.example/a", "host"),
        ("https://fcm.googleapis.com.evil.example/wp/a", "host"),
        ("https://evilfcm.googleapis.com/wp/a", "host"),
        ("https://x.fcm.googleapis.com/wp/a", "host"),
        ("https://fcm.googleapis.com./wp/a", "host"),
        ("https://fcm.googleapis.com%2eevil.example/wp/a", "host"),
        ("https://evilpush.apple.com/a", "host"),
        ("https://push.apple.com/a", "host"),
        ("https://.push.apple.com/a", "host"),
        ("https://a..push.apple.com/a", "host"),
        ("https://a%00.push.apple.com/a", "host"),
        ("https://evil.example&a.push.apple.com/a", "host"),
        ("https://" + "a" * 64 + ".push.apple.com/a", "host"),
        ("https://notify.windows.com/a", "host"),
        ("https://permanently-removed.invalid/fcm/send/abc", "removed"),
        ("https://fcm.googleapis.com/wp/" + "a" * 2048, "length"),
    ],
)
def test_hostile_addresses_are_refused(url: str, code: str) -> None:
    with pytest.raises(EndpointRefused) as refused:
        check_endpoint(url, extra_origins=NONE)
    assert refused.value.code == code
    assert refused.value.sentence.endswith(".")


def test_the_longest_address() -> None:
    start = "https://fcm.googleapis.com/wp/"
    url = start + "a" * (2048 - len(start))
    assert check_endpoint(url, extra_origins=NONE) == url


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:8002/d/1", "https://push.shop.example/d/1", "http://[::1]:8002/d/1"],
)
def test_extra_origins_are_accepted_exactly(url: str) -> None:
    assert check_endpoint(url, extra_origins=SANDBOX) == url
    assert examine_endpoint(url, extra_origins=SANDBOX)[1].added


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8003/d/1",
        "https://127.0.0.1:8002/d/1",
        "http://127.0.0.1/d/1",
        "http://push.shop.example/d/1",
        "https://push.shop.example:8443/d/1",
        "https://a.push.shop.example/d/1",
        "http://127.0.0.1:8002@evil.example/d/1",
    ],
)
def test_extra_origins_open_nothing_else(url: str) -> None:
    with pytest.raises(EndpointRefused):
        check_endpoint(url, extra_origins=SANDBOX)


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://FCM.googleapis.com/wp/a", "https://fcm.googleapis.com"),
        ("https://fcm.googleapis.com:443/wp/a", "https://fcm.googleapis.com"),
        ("http://127.0.0.1:80/a", "http://127.0.0.1"),
        ("http://127.0.0.1:8002/a", "http://127.0.0.1:8002"),
        ("https://127.0.0.1:80/a", "https://127.0.0.1:80"),
        ("http://[::1]:8002/a", "http://[::1]:8002"),
    ],
)
def test_origin_is_the_vapid_audience(url: str, origin: str) -> None:
    assert origin_of(url) == origin


@given(
    st.from_regex(r"https://[a-z0-9.]{1,9}\.push\.apple\.com(:443)?[/?][!-~]{0,40}", fullmatch=True)
)
def test_path_and_query_are_what_urlsplit_says(url: str) -> None:
    """The standard library's reading, of which only what follows the origin is done by hand."""
    try:
        accepted, origin = examine_endpoint(url, extra_origins=NONE)
    except EndpointRefused:
        return
    theirs, parts = urlsplit(url), urlsplit(accepted)
    assert (parts.path, parts.query) == (theirs.path, theirs.query)
    assert origin.host == theirs.hostname == parts.hostname
    assert accepted.startswith(f"{origin.name}/")


@given(st.text() | st.text().map(lambda rest: f"https://{rest}.push.apple.com/a"))
def test_no_text_crashes_the_check(url: str) -> None:
    try:
        accepted = check_endpoint(url, extra_origins=NONE)
    except EndpointRefused:
        return
    assert origin_of(accepted).endswith(".push.apple.com")


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0", "0.1.2.3", "10.1.2.3",  # noqa: S104
        "100.64.0.1", "100.100.100.200", "100.127.255.255",
        "127.0.0.1", "127.255.255.255", "168.63.129.16", "169.254.169.254", "172.16.0.1",
        "172.31.255.255", "192.0.0.192", "192.0.2.1", "192.31.196.1", "192.52.193.1",
        "192.88.99.1", "192.168.1.1", "192.175.48.1", "198.18.0.1", "198.19.255.255",
        "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1",
        "255.255.255.255",
        "::", "::1", "::10.0.0.1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::ffff:0:8.8.8.8",
        "64:ff9b::a00:1", "64:ff9b:1::1", "100::1", "2001::1", "2001:2::1", "2001:10::1",
        "2001:20::1", "2001:db8::1", "2002:a00:1::1", "2620:4f:8000::1", "3fff::1", "4000::1",
        "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1",
        "", "localhost", "1.2.3", "0x7f.0.0.1", "127.1", "fcm.googleapis.com",
    ],
)  # fmt: skip
def test_blocked_addresses(address: str) -> None:
    assert blocked_address(address)


@pytest.mark.parametrize(
    "address",
    [
        "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0",
        "126.255.255.255", "128.0.0.1", "142.250.74.106", "172.15.255.255", "172.32.0.0",
        "192.0.1.1", "198.17.255.255", "198.20.0.0", "223.255.255.255",
        "2001:4860:4860::8888", "2600:1901::1", "2a00:1450:400f::1", "2620:1ec::1",
    ],
)  # fmt: skip
def test_public_addresses(address: str) -> None:
    assert not blocked_address(address)


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("https://fcm.googleapis.com/v1/projects/x/messages:send", "path"),
        ("https://fcm.googleapis.com/v1/projects/x/messages:send/wp/", "path"),
        ("https://fcm.googleapis.com/v1/wp/a", "path"),
        ("https://fcm.googleapis.com/a/b/fcm/send/c", "path"),
        ("https://api.sandbox.push.apple.com/3/device/abc", "host"),
        ("https://fcm.googleapis.com/fcm/send", "path"),
        ("https://api.push.apple.com/3/device/abc", "host"),
        ("https://api.sandbox.push.apple.com/3/device/abc", "host"),
        (f"https://{'.'.join(['a' * 60] * 4)}.push.services.mozilla.com/wpush/v2/x", "host"),
    ],
)
def test_what_refuses_everybodys_key_is_no_address_for_web_push(url: str, code: str) -> None:
    with pytest.raises(EndpointRefused) as refused:
        check_endpoint(url, extra_origins=frozenset())
    assert refused.value.code == code


@pytest.mark.parametrize(
    "url",
    [
        "https://fcm.googleapis.com/fcm/send/abc:APA91b",
        "https://fcm.googleapis.com/wp/abc:APA91b",
        "https://fcm.googleapis.com/preprod/wp/abc",
        "https://jmt17.google.com/fcm/send/abc",
        "https://android.googleapis.com/gcm/send/abc",
        "https://web.push.apple.com/QGuQ",
    ],
)
def test_where_browsers_really_are(url: str) -> None:
    assert check_endpoint(url, extra_origins=frozenset()) == url
