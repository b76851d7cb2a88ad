"""audiences.sizes: how large named audiences were, day by day; and the panel that shows it."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from accounts.models import Role, Site
from audiences import sizes
from audiences.models import Audience, AudienceSize
from tests.audiences.test_counting import apart, rule, tagged
from tests.factories import make_member, make_site, make_subscriber, make_subscription

pytestmark = pytest.mark.django_db
# 23:30 in London, 12:30 the next day in Auckland.
EVENING = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)


def named(site: Site, name: str = "Vips", **fields: object) -> Audience:
    fields.setdefault("rule", rule(tagged("vip")).as_json())
    return Audience.objects.create(site=site, name=name, **fields)


def vip(site: Site) -> None:
    make_subscription(site, subscriber=make_subscriber(site, tags=["vip"]))


def kept() -> list[tuple[str, date, int, int]]:
    rows = AudienceSize.objects.order_by("audience__name", "day")
    return list(rows.values_list("audience__name", "day", "people", "devices"))


def test_each_audience_once_a_day_of_its_sites_calendar() -> None:
    london, auckland = make_site(), make_site(time_zone="Pacific/Auckland")
    here, there = named(london), named(auckland, "There")
    named(london, "")
    vip(london)
    done = [sizes.keep_next(EVENING) for _time in range(3)]
    assert set(done) == {here, there, None}
    assert kept() == [("There", date(2026, 11, 23), 0, 0), ("Vips", date(2026, 11, 22), 1, 1)]
    assert sizes.keep_next(EVENING) is None
    vip(london)
    assert sizes.keep_next(EVENING + timedelta(hours=1)) == here
    assert kept()[1:] == [("Vips", date(2026, 11, 22), 1, 1), ("Vips", date(2026, 11, 23), 2, 2)]


def test_a_rule_that_is_broken_has_nobody_and_holds_up_no_other() -> None:
    site = make_site()
    named(site, "Broken", rule={"version": 9})
    named(site)
    vip(site)
    while sizes.keep_next(EVENING):
        pass
    assert [(name, people) for name, _day, people, _devices in kept()] == [
        ("Broken", 0),
        ("Vips", 1),
    ]


@pytest.mark.django_db(transaction=True)
def test_what_can_not_be_counted_in_time_keeps_its_last_size(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sizes, "PATIENCE_MS", 60)
    site = make_site()
    audience = named(site)
    AudienceSize.objects.create(audience=audience, day=date(2026, 11, 20), people=7, devices=9)
    with transaction.atomic():
        connection.cursor().execute("LOCK TABLE subscribers_subscription IN ACCESS EXCLUSIVE MODE")
        assert apart(lambda: sizes.keep_next(EVENING)) == audience
    assert kept()[1] == ("Vips", date(2026, 11, 22), 7, 9)


def test_old_sizes_are_dropped() -> None:
    audience = named(make_site())
    today = EVENING.date()
    for days in (0, sizes.KEPT_DAYS, sizes.KEPT_DAYS + 1):
        AudienceSize.objects.create(
            audience=audience, day=today - timedelta(days=days), people=1, devices=1
        )
    assert sizes.drop_old(EVENING) == 1
    assert AudienceSize.objects.count() == 2


# The panel


def signed_in(site: Site, role: Role = Role.VIEWER) -> Client:
    client = Client()
    client.force_login(make_member(site, role), backend="django.contrib.auth.backends.ModelBackend")
    return client


def panel(site: Site, audience: Audience) -> str:
    response = signed_in(site).get(f"/sites/{site.pk}/audiences/{audience.pk}/sizes/")
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def test_the_first_day_says_that_there_is_only_one() -> None:
    site = make_site()
    audience = named(site)
    vip(site)
    page = panel(site, audience)
    assert "The line begins tomorrow" in page
    assert "data-chart" not in page
    # A change on the same day counts again.
    vip(site)
    panel(site, audience)
    assert [people for _name, _day, people, _devices in kept()] == [2]


def test_days_without_a_size_are_gaps() -> None:
    site = make_site()
    audience = named(site, updated_at=timezone.now() - timedelta(days=9))
    today = timezone.now().date()
    for days, people in ((40, 1), (5, 1_200), (3, 1_500), (0, 2_000)):
        AudienceSize.objects.create(
            audience=audience, day=today - timedelta(days=days), people=people, devices=people
        )
    page = panel(site, audience)
    assert "data-chart" in page
    assert "null, 1500, null, null, 2000" in page
    assert "1,200 people on" in page
    assert "2,000 on" in page
    assert "3 days are kept so far." in page
    assert AudienceSize.objects.count() == 4
    export = f"/audiences/{audience.pk}/export/"
    assert export not in page
    address = f"/sites/{site.pk}/audiences/{audience.pk}/sizes/"
    assert export in signed_in(site, Role.ADMIN).get(address).content.decode()


def test_a_broken_rule_shows_no_size() -> None:
    site = make_site()
    assert "Nothing has been counted yet" in panel(site, named(site, rule={"version": 9}))


def test_the_panel_requires_access() -> None:
    site = make_site()
    address = f"/sites/{site.pk}/audiences/{named(site).pk}/sizes/"
    assert signed_in(make_site(name="Other"), Role.OWNER).get(address).status_code == 404
    unnamed = f"/sites/{site.pk}/audiences/{named(site, '').pk}/sizes/"
    assert signed_in(site).get(unnamed).status_code == 404
    foreign = f"/sites/{site.pk}/audiences/{named(make_site(name='X')).pk}/sizes/"
    assert signed_in(site).get(foreign).status_code == 404


def test_a_day_is_the_sites() -> None:
    site = make_site(time_zone="Pacific/Auckland")
    audience = named(site)
    sizes.keep(audience, EVENING)
    days = sizes.lately(audience, EVENING)
    assert days[-1] == (date(2026, 11, 23), 0)
    assert len(days) == sizes.SHOWN_DAYS
