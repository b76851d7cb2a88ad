import pytest
from pytest_django import DjangoAssertNumQueries

from audiences import suggestions
from audiences.suggestions import Suggestion
from subscribers.models import Subscription
from tests.factories import make_site, make_subscriber, make_subscription


@pytest.mark.django_db
def test_counts_what_occurs_most_frequent_first(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    site = make_site()
    ada = make_subscriber(site, tags=["vip", "sale"])
    make_subscription(site, subscriber=ada, language="en-GB", browser="Chrome")
    make_subscription(site, subscriber=ada, language="en", browser="Chrome")
    make_subscription(
        site, subscriber=make_subscriber(site, tags=["sale"]), language="nb", browser="Firefox"
    )
    make_subscription(site, language="", browser="", state=Subscription.State.GONE)
    make_subscription(make_site(name="Another"), browser="Safari")

    with django_assert_num_queries(3):  # one for each field
        found = suggestions.suggest(site)

    assert found == {
        "tag": [Suggestion("sale", "sale", 3), Suggestion("vip", "vip", 2)],
        "language": [Suggestion("en", "English", 2), Suggestion("nb", "Norwegian Bokmål", 1)],
        "browser": [Suggestion("Chrome", "Chrome", 2), Suggestion("Firefox", "Firefox", 1)],
    }


@pytest.mark.django_db
def test_says_when_it_looked_at_the_newest_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suggestions, "LOOKED_AT", 2)
    site = make_site()
    make_subscription(site, browser="Old")
    make_subscription(site, browser="Chrome")
    assert suggestions.looks_at_all(site)
    make_subscription(site, browser="Chrome")
    assert not suggestions.looks_at_all(site)
    assert suggestions.suggest(site)["browser"] == [Suggestion("Chrome", "Chrome", 2)]
