"""A push key that a sender may hold is not deleted."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import Site
from campaigns import planning, starting
from campaigns.models import Batch
from subscribers import vapid
from tests.factories import make_campaign, make_site, make_subscription, make_user

pytestmark = pytest.mark.django_db


def leased(site: Site, until: timedelta) -> None:
    make_subscription(site)
    run = starting.start(make_campaign(site))
    planning.plan(run.pk)
    assert Batch.objects.filter(run=run).update(leased_until=timezone.now() + until)


def test_a_key_stays_while_a_batch_of_its_site_is_leased(site: Site) -> None:
    admin, old = make_user(), vapid.current(site)
    vapid.rotate(site, replaces=old.pk, by=admin)
    leased(site, timedelta(seconds=30))
    with pytest.raises(vapid.Refused, match="being sent right now"):
        vapid.delete(old, by=admin)
    assert site.credentials.count() == 2
    Batch.objects.update(leased_until=None)
    vapid.delete(old, by=admin)
    assert site.credentials.count() == 1


@pytest.mark.parametrize("until", [timedelta(seconds=-1), timedelta(seconds=30)])
def test_a_dead_lease_or_another_site_keeps_nothing(site: Site, until: timedelta) -> None:
    admin, old = make_user(), vapid.current(site)
    vapid.rotate(site, replaces=old.pk, by=admin)
    leased(site, timedelta(seconds=-1))
    leased(make_site(name="Other"), until)
    vapid.delete(old, by=admin)
    assert site.credentials.count() == 1
