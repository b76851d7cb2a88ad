"""A second person's yes: bound to what it was said to, never one's own, and said once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from accounts.models import AuditEvent, Membership, Role, Site, User
from audiences import counting
from audiences.counting import Reach
from campaigns import approvals, drafting, starting
from campaigns.approvals import State, Verdict
from campaigns.models import Approval, Campaign, Policy
from campaigns.refusals import Refused
from tests.factories import make_campaign, make_member, make_site, make_subscription, make_user

NIGHT = datetime(2099, 6, 1, 18, 0)  # noqa: DTZ001 - a wall time
VIPS = {"version": 2, "all": [{"field": "tag", "op": "any_of", "values": ["vip"]}]}


@pytest.fixture
def site(db: None) -> Site:
    site = make_site(time_zone="Europe/Oslo")
    Policy.objects.create(site=site, approval=Policy.Approval.ALWAYS)
    return site


@pytest.fixture
def marit(site: Site) -> User:
    """Who writes the campaign."""
    return make_member(site, Role.MARKETER, "marit@example.com")


@pytest.fixture
def jonas(site: Site) -> User:
    """Who may approve it."""
    return make_member(site, Role.MARKETER, "jonas@example.com")


@pytest.fixture
def campaign(site: Site, marit: User, jonas: User) -> Campaign:
    make_subscription(site)
    return make_campaign(site, created_by=marit)


def asked(campaign: Campaign, by: User | None) -> Approval:
    return approvals.ask(fresh(campaign), by=by)


def fresh(campaign: Campaign) -> Campaign:
    return Campaign.objects.select_related("site", "audience").get(pk=campaign.pk)


def state(campaign: Campaign) -> State:
    return approvals.standing(fresh(campaign)).state


@pytest.fixture
def planned(campaign: Campaign) -> Campaign:
    drafting.set_time(campaign, NIGHT, "Europe/Oslo")
    return campaign


def test_an_occurrence_goes_out_on_its_series_answer(
    planned: Campaign, site: Site, marit: User, jonas: User
) -> None:
    Campaign.objects.update(recurrence="FREQ=DAILY")
    approvals.decide(asked(planned, marit), jonas, Verdict.APPROVED)
    one = make_campaign(
        site,
        parent=planned,
        occurrence=datetime(2099, 6, 2, 18, 0, tzinfo=UTC),
        scheduled_wall=datetime(2099, 6, 2, 18, 0, tzinfo=UTC),
        scheduled_zone="Europe/Oslo",
        name="Winter layers, 2 June",
    )
    assert state(one) == State.APPROVED
    approvals.require(fresh(one))
    # But not when it says something else.
    drafting.edit_message(one, {"title": "Another"}, None)
    assert state(one) == State.NEEDED
    with pytest.raises(Refused, match="void"):
        approvals.require(fresh(one))


# Whether one is needed


@pytest.mark.parametrize(
    ("reach", "needed"),
    [
        (Reach(devices=25_000), False),
        (Reach(devices=25_001), True),
        (Reach(devices=26_000, share=64), True),
        (counting.TooLong(), True),
    ],
    ids=["at_the_limit", "over", "estimated_over", "too_long"],
)
def test_large_campaigns_need_one(
    campaign: Campaign, monkeypatch: pytest.MonkeyPatch, reach: Reach | Exception, needed: bool
) -> None:
    Policy.objects.update(approval=Policy.Approval.OVER)

    def count(*_args: object, **_options: object) -> Reach:
        if isinstance(reach, Exception):
            raise reach
        return reach

    monkeypatch.setattr(counting, "count", count)
    found = approvals.standing(fresh(campaign))
    assert (found.state == State.NEEDED) is needed
    assert ("More than 25,000 devices" in found.why) is needed


def test_most_sites_need_none(campaign: Campaign, marit: User) -> None:
    Policy.objects.all().delete()
    assert approvals.standing(fresh(campaign)).free
    approvals.require(fresh(campaign))
    with pytest.raises(Refused, match="needs no approval"):
        asked(campaign, marit)


# Asking and answering


def test_from_asking_to_the_answer(campaign: Campaign, marit: User, jonas: User) -> None:
    with pytest.raises(Refused, match="Ask for approval"):
        approvals.require(fresh(campaign))
    request = approvals.ask(fresh(campaign), by=marit, note="  For\nThursday ")
    assert asked(campaign, marit) == request
    assert (state(campaign), request.asked_by_name) == (State.ASKED, str(marit))
    with pytest.raises(Refused, match="waits for approval"):
        approvals.require(fresh(campaign))
    approvals.decide(request, jonas, Verdict.APPROVED)
    assert (state(campaign), request.decided_by) == (State.APPROVED, jonas)
    approvals.require(fresh(campaign))
    log = AuditEvent.objects.filter(action__startswith="campaign.app").order_by("id")
    assert [(one.action, one.actor) for one in log] == [
        ("campaign.approval_asked", marit),
        ("campaign.approved", jonas),
    ]


def test_what_was_declined_stays_a_draft(campaign: Campaign, marit: User, jonas: User) -> None:
    request = asked(campaign, marit)
    approvals.decide(request, jonas, Verdict.DECLINED, "The price is wrong")
    assert (state(campaign), request.note) == (State.DECLINED, "The price is wrong")
    with pytest.raises(Refused, match="declined"):
        approvals.require(fresh(campaign))
    assert fresh(campaign).state == Campaign.State.DRAFT
    # Somebody else may be asked.
    assert asked(campaign, marit) != request
    assert state(campaign) == State.ASKED


def test_an_edit_voids(campaign: Campaign, marit: User, jonas: User) -> None:
    approvals.decide(asked(campaign, marit), jonas, Verdict.APPROVED)
    drafting.set_audience(campaign, VIPS)
    found = approvals.standing(fresh(campaign))
    assert (found.state, found.void) == (State.NEEDED, True)
    with pytest.raises(Refused, match="void"):
        approvals.require(fresh(campaign))
    drafting.set_audience(campaign, {"version": 2, "all": []})
    assert state(campaign) == State.APPROVED


def test_a_yes_to_a_time_is_no_yes_to_now(planned: Campaign, marit: User, jonas: User) -> None:
    approvals.decide(asked(planned, marit), jonas, Verdict.APPROVED)
    approvals.require(fresh(planned))
    with pytest.raises(Refused, match="void"):
        starting.send_soon(fresh(planned), by=marit)


def test_what_was_edited_since_is_not_approved(
    campaign: Campaign, marit: User, jonas: User
) -> None:
    request = asked(campaign, marit)
    shown = approvals.digest(fresh(campaign))
    drafting.edit_message(campaign, {"title": "Another"}, None)
    for seen in ("", shown, approvals.digest(fresh(campaign))):
        with pytest.raises(Refused, match="changed since you were asked"):
            approvals.decide(request, jonas, Verdict.APPROVED, seen=seen)
    assert Approval.objects.get().verdict == Verdict.OPEN


def test_one_answer_wins(campaign: Campaign, site: Site, marit: User, jonas: User) -> None:
    liv = make_member(site, Role.ADMIN, "liv@example.com")
    request = asked(campaign, marit)
    same = Approval.objects.get()
    approvals.decide(request, jonas, Verdict.APPROVED)
    with pytest.raises(Refused, match="jonas@example.com has answered already: approved"):
        approvals.decide(same, liv, Verdict.DECLINED)
    assert Approval.objects.get().verdict == Verdict.APPROVED


# Who may


def writes(campaign: Campaign, user: User) -> None:
    Campaign.objects.update(authors=[user.pk])


def makes(campaign: Campaign, user: User) -> None:
    Campaign.objects.update(created_by=user)


def only_looks(campaign: Campaign, user: User) -> None:
    Membership.objects.filter(user=user).update(role=Role.VIEWER)


def leaves(campaign: Campaign, user: User) -> None:
    Membership.objects.filter(user=user).delete()


@pytest.mark.parametrize(
    ("becomes", "why"),
    [
        (writes, "You wrote some of it"),
        (makes, "You wrote some of it"),
        (only_looks, "you need the role marketer"),
        (leaves, "you need the role marketer"),
    ],
    ids=["author", "maker", "viewer", "stranger"],
)
def test_who_may_not_answer(
    campaign: Campaign, marit: User, jonas: User, becomes: Callable[..., None], why: str
) -> None:
    request = asked(campaign, marit)
    becomes(campaign, jonas)
    assert jonas not in approvals.approvers(fresh(campaign), marit.pk)
    with pytest.raises(Refused, match=why):
        approvals.decide(request, jonas, Verdict.APPROVED)
    assert Approval.objects.get().verdict == Verdict.OPEN


def test_who_asked_does_not_answer(campaign: Campaign, site: Site, jonas: User) -> None:
    make_member(site, Role.OWNER)
    request = asked(campaign, jonas)
    with pytest.raises(Refused, match="You asked for it"):
        approvals.decide(request, jonas, Verdict.APPROVED)


def test_nobody_is_asked_where_nobody_may_answer(
    campaign: Campaign, marit: User, jonas: User
) -> None:
    Campaign.objects.update(authors=[jonas.pk])
    with pytest.raises(Refused, match="Nobody else may approve it"):
        asked(campaign, marit)


def test_somebody_of_another_site_is_nobody(campaign: Campaign, marit: User) -> None:
    other = make_member(make_site(name="Another"), Role.OWNER)
    with pytest.raises(Refused, match="you need the role marketer"):
        approvals.decide(asked(campaign, marit), other, Verdict.APPROVED)


def test_what_has_started_is_not_answered(campaign: Campaign, marit: User, jonas: User) -> None:
    request = asked(campaign, marit)
    Campaign.objects.update(state=Campaign.State.RUNNING)
    with pytest.raises(Refused, match="It has started or ended"):
        approvals.decide(request, jonas, Verdict.APPROVED)


# Who wrote it


@pytest.mark.parametrize(
    "edit",
    [
        lambda campaign, by: drafting.rename(campaign, "Another", by=by),
        lambda campaign, by: drafting.edit_message(campaign, {"title": "Another"}, by),
        lambda campaign, by: drafting.set_audience(campaign, VIPS, by=by),
        lambda campaign, by: drafting.set_time(campaign, NIGHT, "UTC", by=by),
        lambda campaign, by: drafting.set_throttle(campaign, 60, by=by),
    ],
    ids=["rename", "message", "audience", "time", "throttle"],
)
def test_every_editor_is_an_author(
    campaign: Campaign, marit: User, edit: Callable[[Campaign, User], None]
) -> None:
    editor = make_user()
    for _again in range(2):
        edit(fresh(campaign), editor)
    assert Campaign.objects.get().authors == [editor.pk]


def test_a_copy_has_the_same_authors(campaign: Campaign, marit: User, jonas: User) -> None:
    Campaign.objects.update(authors=[marit.pk])
    copy = drafting.duplicate(fresh(campaign), jonas)
    assert set(copy.authors) == set(fresh(copy).authors) == {marit.pk, jonas.pk}
