"""Plan and outcome, side by side."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Role
from campaigns import comparing, forecasting, reports, starting
from campaigns.comparing import Comparison
from campaigns.models import DryRun, Run, no_counts
from tests.campaigns.engine import drive
from tests.campaigns.senders import GONE, FakeService
from tests.factories import make_campaign, make_member, make_site, make_subscription


def comparison(
    foretold: dict[str, int], sampled: int | None = None, **became: Any
) -> dict[str, tuple[int, int, str]]:
    counts = no_counts() | {"skipped_by_reason": {}} | became
    found = Comparison(DryRun(counts=foretold, sampled=sampled), counts)
    return {line.code: (line.foretold, line.became, line.words) for line in found.lines}


def test_who_waited_for_the_end_of_quiet_hours_was_sent_to() -> None:
    found = comparison({"send": 5, "later": 2}, accepted=6, gone=1)
    assert found == {"send": (7, 7, "")}


@pytest.mark.parametrize(
    ("code", "foretold", "became", "words"),
    [
        ("capped", 1, 3, "other campaigns took places meanwhile"),
        ("capped", 3, 1, "places became free"),
        ("no_consent", 0, 2, "after the dry run"),
        ("aborted:no price", 2, 1, "what is known of them changed meanwhile"),
        ("zone_past", 0, 1, "it began later than foretold"),
        ("no_zone", 4, 4, ""),
    ],
)
def test_a_difference_is_said_in_words(code: str, foretold: int, became: int, words: str) -> None:
    found = comparison({code: foretold}, skipped_by_reason={code: became})
    assert found[code] == (foretold, became, words)


def test_an_estimate_is_called_one() -> None:
    found = comparison({"aborted:x": 9}, 20_000, skipped_by_reason={"aborted:x": 8})
    assert found["aborted:x"] == (9, 8, "the dry run read a sample of the texts")


def test_while_it_runs_the_rest_is_still_to_send() -> None:
    found = comparison({"send": 5}, accepted=2, pending=3)
    assert found["send"] == (5, 2, "so far")
    assert found["pending"] == (0, 3, "it is not their turn yet")


@pytest.mark.parametrize(
    ("audience", "words"),
    [(4, "left after the dry run"), (5, ""), (6, "came after the dry run")],
)
def test_the_whole_may_differ_too(audience: int, words: str) -> None:
    counts = no_counts() | {"skipped_by_reason": {}, "audience": audience}
    assert Comparison(DryRun(counts={"send": 5}), counts).total.words == words


@pytest.mark.django_db
def test_a_report_shows_the_plan_only_where_there_was_one(client: Client) -> None:
    site = make_site()
    client.force_login(make_member(site, Role.VIEWER))
    device, _other = make_subscription(site), make_subscription(site)
    campaign = make_campaign(site, holdout=0)
    dry_run = forecasting.start(campaign, None)
    forecasting.run(dry_run.pk)
    run = starting.start(campaign)
    assert run.forecast == dry_run
    drive(run, FakeService(**{device.endpoint.rsplit("/", 1)[-1]: GONE}))
    found = comparing.of(Run.objects.get(), reports.run_counts(run))
    assert found is not None and found.exact
    address = reverse("campaigns:report", args=[site.pk, campaign.pk])
    assert "Plan and outcome" in client.get(address).content.decode()
    other = make_campaign(site)
    starting.start(other)
    address = reverse("campaigns:report", args=[site.pk, other.pk])
    assert "Plan and outcome" not in client.get(address).content.decode()
