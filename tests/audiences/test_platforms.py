import pytest
from pytest_django import DjangoAssertNumQueries

from audiences import platforms, rules
from audiences.models import Audience
from audiences.platforms import Platforms
from subscribers.models import Subscription
from tests.factories import make_site, make_subscription

DEVICES = [
    ("Android", "Chrome"),
    ("Android", "Firefox"),
    ("Windows", "Edge"),
    ("macOS", "Safari"),
    ("macOS", "Chrome"),
    ("iOS", "Safari"),
    ("iPadOS", "Safari"),
    ("Linux", "Firefox"),
    ("", ""),
]


@pytest.mark.django_db
def test_counts_devices_by_how_they_show_a_notification(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    site = make_site()
    for platform, browser in DEVICES:
        make_subscription(site, platform=platform, browser=browser)
    make_subscription(site, platform="Android", state=Subscription.State.GONE)
    make_subscription(make_site(name="Another"), platform="Android")
    with django_assert_num_queries(1):
        found = platforms.count(site, rules.EVERYONE)
    assert found == Platforms(android=2, windows=1, macos=1, ios=2, other=3)
    assert found.total == len(DEVICES)


@pytest.mark.django_db
def test_an_audience_is_called_by_its_name_else_by_its_id() -> None:
    site = make_site()
    assert str(Audience(site=site, name="Cold hands")) == "Cold hands"
    nameless = Audience(site=site)
    assert str(nameless) == str(nameless.id)
