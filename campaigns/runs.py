"""Making a run: what it says, to whom, until when."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from audiences import references, rules
from campaigns import digests, moments, partitions, payload
from campaigns.models import Campaign, DryRun, Message, Run, month_of
from campaigns.refusals import Refused
from subscribers.models import Subscription


def message_of(campaign: Campaign) -> Message:
    """The newest version; Refused where it can't be sent."""
    message = campaign.messages.order_by("-version").first()
    if message is None or not message.title or not message.url:
        raise Refused(_("The message has no title or no address to open. Write it first."))
    # It fitted when it was saved; the site's icon or the limit may have changed since.
    size, limit = payload.size(message, campaign.site), settings.PAYLOAD_LIMIT
    if size > limit:
        sentence = _("The message is %(size)d bytes, and %(limit)d is the most. Shorten it first.")
        raise Refused(sentence % {"size": size, "limit": limit})
    return message


def rule_of(campaign: Campaign) -> rules.Rule:
    """The rule with the audiences that it names in their places; refused where one is amiss."""
    try:
        rule = rules.parse(campaign.audience.rule)
        references.check(rule, campaign.site)
        return references.resolve(rule, campaign.site)
    except rules.RuleError as error:
        raise Refused(
            _("The audience can't be understood (%(why)s). Choose it again.") % {"why": error}
        ) from error


def test(campaign: Campaign, user: User) -> Run:
    """A run to the user's own test devices."""
    return _make(campaign, Run.Kind.TEST, message_of(campaign), user, "", timezone.now())


def begin(campaign: Campaign, by: User | None, by_name: str) -> Run:
    """The campaign's one run, from now on. Refused if it is not complete."""
    now = timezone.now()
    message, rule = message_of(campaign), rule_of(campaign)
    return _make(
        campaign,
        Run.Kind.CAMPAIGN,
        message,
        by,
        by_name,
        now,
        rule=rule.as_json(),
        expires_at=expiry(campaign, now),
        decide_at=decision(campaign, message, now),
        forecast=_forecast(campaign),
    )


def expiry(campaign: Campaign, began: datetime) -> datetime | None:
    """From when on nothing more of it is sent, if it began then; None: no end."""
    if campaign.expiry_minutes is None:
        return None
    return moments.ends(campaign, began) + timedelta(minutes=campaign.expiry_minutes)


def decision(campaign: Campaign, message: Message, began: datetime) -> datetime | None:
    """When the winning variant is chosen, if it began then; None: nothing is to be chosen."""
    if not message.variants or campaign.winner_by == Campaign.WinnerBy.NEVER:
        return None
    return began + timedelta(minutes=campaign.decide_minutes)


def _forecast(campaign: Campaign) -> DryRun | None:
    """The newest one of the campaign as it is now, to be compared with what becomes of it."""
    done = campaign.dry_runs.filter(state=DryRun.State.DONE, digest=digests.digest(campaign))
    return done.first()


def _make(
    campaign: Campaign,
    kind: str,
    message: Message,
    by: User | None,
    by_name: str,
    now: datetime,
    **fields: object,
) -> Run:
    month = month_of(now)
    partitions.ensure(month)
    newest = Subscription.objects.filter(site=campaign.site_id).aggregate(Max("id"))["id__max"]
    return Run.objects.create(
        campaign=campaign,
        message=message,
        kind=kind,
        month=month,
        last_subscription=newest or 0,
        started_by=by,
        started_by_name=(by_name or str(by or ""))[:150],
        started_at=now,
        **fields,
    )


def of(campaign: Campaign) -> Run | None:
    """The campaign's run, if it was started."""
    return campaign.runs.filter(kind=Run.Kind.CAMPAIGN).first()
