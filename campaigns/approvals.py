"""A second person's yes before a campaign goes out, where the site asks for one.

It is bound to a digest of content, audience, schedule and caps (campaigns.digests): any edit voids
it. Nobody approves what they wrote or asked for, nor does an API key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from accounts import audit
from accounts.models import Membership, Role, Site, User
from audiences import counting, rules
from audiences.counting import Reach
from campaigns import policies
from campaigns.digests import changed, digest, parts
from campaigns.models import Approval, Campaign, Policy
from campaigns.refusals import Refused

__all__ = ["State", "Verdict", "approvers", "ask", "decide", "digest", "require", "standing"]

MAY = (Role.OWNER, Role.ADMIN, Role.MARKETER)
LONGEST_NOTE = 400
Verdict = Approval.Verdict
Count = Callable[[], Reach | None]


class State(StrEnum):
    """Where a campaign is between nobody having to say yes and somebody having said it."""

    NOT_NEEDED = "not_needed"
    # Nobody was asked, or what they were asked about was edited since.
    NEEDED = "needed"
    ASKED = "asked"
    APPROVED = "approved"
    DECLINED = "declined"


@dataclass(frozen=True)
class Standing:
    state: State
    # Of the campaign as it is now.
    digest: str
    # Why a second person is needed; "" where none is.
    why: str = ""
    # The newest request: about the campaign as it is now, unless `void`.
    latest: Approval | None = None
    # Whether the campaign was edited since, and what ("the message"), as far as that is known.
    void: bool = False
    changed: tuple[str, ...] = ()

    @property
    def free(self) -> bool:
        """Whether it may go out."""
        return self.state in {State.NOT_NEEDED, State.APPROVED}


def standing(campaign: Campaign, *, count: Count | None = None) -> Standing:
    """What the site asks of a campaign, and what was said to it.

    `count`: its reach, where somebody has it already; else it is counted, if that matters.
    """
    now = digest(campaign)
    latest = _asked(campaign).first()
    about_this = latest is not None and latest.digest == now
    if about_this and latest and latest.verdict == Verdict.APPROVED:
        return Standing(State.APPROVED, now, latest=latest)
    why = _why(campaign, count or (lambda: counted(campaign)))
    if not why:
        return Standing(State.NOT_NEEDED, now, latest=latest if about_this else None)
    if latest is None:
        return Standing(State.NEEDED, now, why)
    if not about_this:
        since = tuple(changed(latest.parts, parts(campaign)))
        return Standing(State.NEEDED, now, why, latest, void=True, changed=since)
    state = State.DECLINED if latest.verdict == Verdict.DECLINED else State.ASKED
    return Standing(state, now, why, latest)


def _asked(campaign: Campaign) -> QuerySet[Approval]:
    """The requests for a campaign, newest first; an occurrence goes out on its series' answer."""
    of = [pk for pk in (campaign.pk, campaign.parent_id) if pk]
    found = Approval.objects.filter(campaign__in=of).select_related("decided_by", "asked_by")
    return found.order_by("-asked_at", "-pk")


def counted(campaign: Campaign) -> Reach | None:
    """Whom a campaign reaches now; None where it can't be told."""
    try:
        return counting.count(campaign.site, rules.parse(campaign.audience.rule))
    except (counting.TooLong, rules.RuleError):
        return None


def _why(campaign: Campaign, count: Count) -> str:
    """Why a second person is needed. What can't be counted counts as large."""
    policy = policies.of(campaign.site)
    if policy.approval == Policy.Approval.NEVER:
        return ""
    if policy.approval == Policy.Approval.ALWAYS:
        return _("Every campaign of this site needs a second person.")
    most = {"most": number_format(policy.approval_over, force_grouping=True)}
    reach = count()
    if reach is None:
        sentence = _(
            "More than %(most)s devices need a second person, and how many these are "
            "can't be counted just now."
        )
        return sentence % most
    if reach.devices <= policy.approval_over:
        return ""
    return _("More than %(most)s devices need a second person.") % most


def require(campaign: Campaign) -> None:
    """Refused unless nobody has to say yes, or somebody said it to the campaign as it is now.

    Call it within the transaction that starts or schedules, after the campaign's row was changed
    (which locks it): an edit comes wholly before, and voids, or is refused. A yes to a time
    is no yes to now: what is sent now has forgotten its time by then.
    """
    found = standing(campaign)
    if found.free:
        return
    if found.state == State.ASKED:
        raise Refused(_("It waits for approval. %(why)s") % {"why": found.why})
    if found.state == State.DECLINED:
        raise Refused(_("It was declined. Change it, then ask for approval again."))
    if found.void and found.latest and found.latest.verdict == Verdict.APPROVED:
        what = ", ".join(found.changed) or _("something")
        sentence = _("Its approval is void: %(what)s was changed since. Ask for approval again.")
        raise Refused(sentence % {"what": what})
    raise Refused(_("%(why)s Ask for approval on its review page first.") % {"why": found.why})


def approvers(campaign: Campaign, asked_by: int | None = None) -> list[User]:
    """Who may say yes to it: marketers and above who wrote none of it and did not ask."""
    barred = {*campaign.authors, campaign.created_by_id, asked_by} - {None}
    members = Membership.objects.filter(site=campaign.site_id, role__in=MAY, user__is_active=True)
    found = members.exclude(user__in=barred).select_related("user")
    return [one.user for one in found.order_by("user__name", "user__email")]


@transaction.atomic
def ask(campaign: Campaign, *, by: User | None, by_name: str = "", note: str = "") -> Approval:
    """Ask for a second person's yes to the campaign as it is now.

    Asked twice: the one request. Refused where none is needed, where nobody could say yes, and for
    what has started. By an API key: `by` is the person who made it.
    """
    locked = _held(campaign)
    found = standing(locked)
    if found.state == State.ASKED and found.latest is not None:
        return found.latest
    if found.free:
        raise Refused(_("It needs no approval. It can go out as it is."))
    asker = by.pk if by else None
    if not approvers(locked, asker):
        raise Refused(
            _(
                "Nobody else may approve it: a marketer, admin or owner is needed who wrote none "
                "of it. Invite one under Members."
            )
        )
    approval = Approval.objects.create(
        campaign=locked,
        digest=found.digest,
        asked_by=by,
        asked_by_name=(by_name or str(by or ""))[:150],
        parts=parts(locked),
        asked_note=_said(note),
    )
    audit.record(
        "campaign.approval_asked",
        site=locked.site,
        actor=by,
        actor_name=by_name,
        target=locked.name,
    )
    return approval


@transaction.atomic
def decide(
    approval: Approval, by: User, verdict: Verdict, note: str = "", *, seen: str = ""
) -> Approval:
    """Approve or decline, once: of two at the same time, one wins and the other is told.

    `seen`: the digest of what the person was shown. Refused for who wrote or asked for it, for what
    was edited or has started since, and for what was decided already.
    """
    campaign = _held(approval.campaign)
    if why := why_not(campaign, approval.asked_by_id, by):
        raise Refused(why)
    open_ones = Approval.objects.filter(pk=approval.pk, verdict=Verdict.OPEN)
    if {approval.digest, seen or approval.digest} != {digest(campaign)}:
        raise Refused(_("It was changed since you were asked, so there is nothing to answer."))
    if not open_ones.update(
        verdict=verdict, decided_by=by, decided_at=timezone.now(), note=_said(note)
    ):
        approval.refresh_from_db()
        raise Refused(
            _("%(who)s has answered already: %(verdict)s.")
            % {"who": approval.decided_by, "verdict": approval.get_verdict_display().lower()}
        )
    approval.refresh_from_db()
    action = "campaign.approved" if verdict == Verdict.APPROVED else "campaign.declined"
    audit.record(action, site=campaign.site, actor=by, target=campaign.name)
    return approval


def why_not(campaign: Campaign, asked_by: int | None, by: User) -> str:
    """Why somebody may not answer; "" if they may."""
    if by.pk in campaign.authors or by.pk == campaign.created_by_id:
        return _("You wrote some of it, so somebody else has to approve it.")
    if by.pk == asked_by:
        return _("You asked for it, so somebody else has to approve it.")
    if not Membership.objects.filter(site=campaign.site_id, user=by, role__in=MAY).exists():
        return _("To approve, you need the role marketer.")
    return ""


def open_for(site: Site, user: User) -> list[Approval]:
    """The requests of a site that somebody may answer, the oldest first."""
    asked = Approval.objects.filter(
        campaign__site=site, campaign__state__in=Campaign.EDITABLE, verdict=Verdict.OPEN
    )
    of = asked.select_related("campaign__site", "campaign__audience").order_by("asked_at")
    newest = {one.campaign_id: one for one in of.exclude(asked_by=user)}
    return [
        one
        for one in newest.values()
        if one.digest == digest(one.campaign) and not why_not(one.campaign, one.asked_by_id, user)
    ]


def open_among(campaigns: Iterable[Campaign]) -> set[UUID]:
    """Which of these wait for an answer; campaigns with their site and audience loaded."""
    mine = {one.pk: one for one in campaigns if one.state in Campaign.EDITABLE}
    rows = Approval.objects.filter(campaign__in=mine, verdict=Verdict.OPEN)
    found = rows.values_list("campaign_id", "digest")
    return {pk for pk, asked in found if asked == digest(mine[pk])}


def _held(campaign: Campaign) -> Campaign:
    """The campaign, locked as every edit of it locks it. Refused once it has started."""
    locked = Campaign.objects.select_for_update(of=("self",)).select_related("site", "audience")
    held = locked.get(pk=campaign.pk)
    if held.state not in Campaign.EDITABLE:
        raise Refused(_("It has started or ended already, so nobody has to approve it any more."))
    return held


def _said(note: str) -> str:
    """A note as it is kept: trimmed, one line's worth, at most LONGEST_NOTE characters."""
    return " ".join(note.replace("\x00", "").split())[:LONGEST_NOTE]
