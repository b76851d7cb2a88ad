"""Whatever is posted to the calendar about something that is scheduled: an answer, never a 500."""

from collections.abc import Iterator

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse

from accounts.models import Role, Site
from campaigns.models import Campaign
from campaigns.views.calendar import UNDO
from tests.campaigns.planned import planned
from tests.factories import make_member

pytestmark = pytest.mark.django_db
ENDS = (
    *("9999-12-31T23:59:59.999999", "9999-12-31T23:59-23:59", "0001-01-01T00:00"),
    *("0001-01-01T00:00+23:59", "2030-11-26T18:00+00:00", "2030-11-26", "a\x00b", "9" * 5_000),
)
DAYS = ("9999-12-31", "0001-01-01", "2100-01-01", "1999-12-31", "\x00", "x" * 100_000)


def bodies(campaign: Campaign) -> Iterator[dict[str, str]]:
    """Each odd value in each field, with the rest as the page would send it."""
    seen = campaign.scheduled_for.isoformat() if campaign.scheduled_for else ""
    usual = {"day": "2030-11-27", "clock": "18:00", "seen": seen}
    usual["occurrence"] = "2030-11-26T18:00" if campaign.recurrence else ""
    for day in DAYS:
        yield usual | {"day": day}
        yield usual | {"day": day, "clock": "", "back": f"day={day}"}
    for end in ENDS:
        yield {"wall": end, "seen": seen}
        for field in ("seen", "occurrence", "clock", "back"):
            yield usual | {field: end}
        yield {"skip": "1", "occurrence": end, "seen": seen}


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({}, id="once"),
        pytest.param({"scheduled_zone": "Pacific/Kiritimati"}, id="far-east"),
        pytest.param({"timing": Campaign.Timing.LOCAL}, id="local"),
        pytest.param({"recurrence": "FREQ=DAILY"}, id="series"),
        pytest.param({"recurrence": "FREQ=DAILY", "timing": "local"}, id="local-series"),
    ],
)
def test_moving(site: Site, fields: dict[str, str]) -> None:
    campaign = planned(site, "2030-11-26 18:00", **fields)
    client = Client(raise_request_exception=False)
    client.force_login(
        make_member(site, Role.OWNER), backend="django.contrib.auth.backends.ModelBackend"
    )
    path = reverse("campaigns:calendar_entry", args=[site.pk, campaign.pk])
    broken = []
    for body in bodies(campaign):
        with transaction.atomic():
            answers = [
                client.post(path, body),
                client.post(path, body, headers={"HX-Request": "true", "HX-Target": "calendar"}),
                client.get(path, body | {"back": body.get("back", "")[:500]}),
            ]
            transaction.set_rollback(True)
        if any(answer.status_code >= 500 for answer in answers):
            broken.append({name: value[:40] for name, value in body.items()})
    assert not broken


def test_the_session_keeps_no_more_than_the_calendar_needs(site: Site) -> None:
    campaign, client = planned(site, "2030-11-26 18:00"), Client()
    client.force_login(
        make_member(site, Role.OWNER), backend="django.contrib.auth.backends.ModelBackend"
    )
    path = reverse("campaigns:calendar_entry", args=[site.pk, campaign.pk])
    usual = next(bodies(campaign)) | {"day": "2030-11-27", "back": "x" * 100_000}
    assert client.post(path, usual).status_code == 302
    assert len(client.session[UNDO]["back"]) < 100
