"""Starting, scheduling and stopping: conditional updates, the one that changes a row wins."""

import logging
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import F, Max, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit
from accounts.models import User
from audiences import references, rules
from campaigns import finishing, partitions, payload, scheduling
from campaigns.models import Batch, Campaign, Delivery, Message, Run, Trial, month_of
from campaigns.refusals import Refused
from subscribers.models import Subscription, TestDevice

log = logging.getLogger("beckon.starting")


def move(campaign: Campaign, frm: tuple[str, ...], to: str, **fields: object) -> bool:
    """Change the state if it is one of `frm`; whether this call did it. Refreshes the object."""
    now = timezone.now()
    moved = Campaign.objects.filter(pk=campaign.pk, state__in=frm).update(
        state=to, state_at=now, updated_at=now, **fields
    )
    campaign.refresh_from_db()
    return moved == 1


def _message_of(campaign: Campaign) -> Message:
    message = campaign.messages.order_by("-version").first()
    if message is None or not message.title or not message.url:
        raise Refused(_("The message has no title or no address to open. Write it first."))
    # It fitted when it was saved; the site's icon or the limit may have changed since.
    size, limit = payload.size(message, campaign.site), settings.PAYLOAD_LIMIT
    if size > limit:
        sentence = _("The message is %(size)d bytes, and %(limit)d is the most. Shorten it first.")
        raise Refused(sentence % {"size": size, "limit": limit})
    return message


def _rule_of(campaign: Campaign) -> rules.Rule:
    """The rule with the audiences that it names in their places; refused where one is amiss."""
    try:
        rule = rules.parse(campaign.audience.rule)
        references.check(rule, campaign.site)
        return references.resolve(rule, campaign.site)
    except rules.RuleError as error:
        raise Refused(
            _("The audience can't be understood (%(why)s). Choose it again.") % {"why": error}
        ) from error


def _new_run(
    campaign: Campaign, kind: str, by: User | None, by_name: str, rule: rules.Rule | None = None
) -> Run:
    now = timezone.now()
    month = month_of(now)
    partitions.ensure(month)
    newest = Subscription.objects.filter(site=campaign.site_id).aggregate(Max("id"))["id__max"]
    return Run.objects.create(
        campaign=campaign,
        message=_message_of(campaign),
        kind=kind,
        rule=rule.as_json() if rule else None,
        month=month,
        last_subscription=newest or 0,
        started_by=by,
        started_by_name=(by_name or str(by or ""))[:150],
        started_at=now,
    )


def run_of(campaign: Campaign) -> Run | None:
    """The campaign's run, if it was started."""
    return campaign.runs.filter(kind=Run.Kind.CAMPAIGN).first()


@transaction.atomic
def start(campaign: Campaign, *, by: User | None = None, by_name: str = "") -> Run:
    """Start now, once: however often and from wherever it is called, there is one run.

    Refused if it is cancelled or its message is not complete.
    """
    if not move(campaign, Campaign.EDITABLE, Campaign.State.RUNNING, attention=""):
        if run := run_of(campaign):
            return run
        raise Refused(_("A cancelled campaign can't be started. Duplicate it instead."))
    run = _new_run(campaign, Run.Kind.CAMPAIGN, by, by_name, _rule_of(campaign))
    audit.record(
        "campaign.started", site=campaign.site, actor=by, actor_name=by_name, target=campaign.name
    )
    return run


@transaction.atomic
def send_test(campaign: Campaign, user: User) -> Run:
    """Send the message as it stands to the user's own test devices, through the same ledger."""
    devices = TestDevice.objects.filter(user=user, subscription__site=campaign.site_id)
    if not devices.filter(subscription__state=Subscription.State.ACTIVE).exists():
        raise Refused(_("None of your devices is a test device that can be reached."))
    return _new_run(campaign, Run.Kind.TEST, user, "")


def schedule(
    campaign: Campaign,
    wall: datetime,
    zone: str,
    *,
    by: User | None = None,
    by_name: str = "",
) -> None:
    """Schedule for a naive wall time in a named zone. Refused in the past or once started."""
    moment = scheduling.instant(wall, zone)
    if moment <= timezone.now():
        raise Refused(_("That moment has passed. Pick a later one, or send now."))
    _message_of(campaign)
    _rule_of(campaign)
    if not move(
        campaign,
        Campaign.EDITABLE,
        Campaign.State.SCHEDULED,
        scheduled_wall=wall.replace(tzinfo=UTC),
        scheduled_zone=zone,
        scheduled_for=moment,
        attention="",
    ):
        raise Refused(_("It has started already and can't be scheduled any more."))
    audit.record(
        "campaign.scheduled",
        site=campaign.site,
        actor=by,
        actor_name=by_name,
        target=campaign.name,
        at=moment.isoformat(),
    )


def unschedule(campaign: Campaign, *, by: User | None = None) -> None:
    """Back to a draft; the time that was set stays as a suggestion."""
    if not move(campaign, (Campaign.State.SCHEDULED,), Campaign.State.DRAFT):
        raise Refused(_("It is not scheduled any more."))
    audit.record("campaign.unscheduled", site=campaign.site, actor=by, target=campaign.name)


@transaction.atomic
def cancel(campaign: Campaign, *, by: User | None = None, by_name: str = "") -> None:
    """Stop for good. What was claimed is recorded as it ends; the rest becomes cancelled.

    Takes effect within one window. Cancelling twice changes nothing.
    """
    stoppable = (Campaign.State.SCHEDULED, *Campaign.OPEN)
    if not move(campaign, stoppable, Campaign.State.CANCELLED, attention=""):
        if campaign.state == Campaign.State.CANCELLED:
            return
        raise Refused(_("Only a scheduled or running campaign can be cancelled."))
    now = timezone.now()
    Run.objects.filter(campaign=campaign, kind=Run.Kind.CAMPAIGN, finished_at=None).update(
        state=Run.State.CANCELLED, finished_at=now
    )
    repeated = Batch.objects.filter(_of(campaign), resent__gt=0).select_related("run")
    for batch in repeated.select_for_update(of=("self",)).order_by("pk"):
        _stay_unknown(batch)
    # What is left is settled by the batches' own jobs (sending.deliver), now; also what waits for
    # somebody to look at it.
    _unsettled(campaign).update(due_at=now, enqueued_at=None, parked_at=None)
    audit.record(
        "campaign.cancelled", site=campaign.site, actor=by, actor_name=by_name, target=campaign.name
    )


@transaction.atomic
def pause(
    campaign: Campaign, *, by: User | None = None, by_name: str = "", reason: str = ""
) -> None:
    """Send nothing more until `resume`; takes effect within one window."""
    if not move(campaign, (Campaign.State.RUNNING,), Campaign.State.PAUSED, attention=reason):
        raise Refused(_("It is not running."))
    Run.objects.filter(
        campaign=campaign, state__in=(Run.State.PLANNING, Run.State.RUNNING)
    ).exclude(kind=Run.Kind.TEST).update(state=Run.State.PAUSED, pause_reason=reason)
    audit.record(
        "campaign.paused",
        site=campaign.site,
        actor=by,
        actor_name=by_name,
        target=campaign.name,
        reason=reason,
    )


@transaction.atomic
def resume(campaign: Campaign, *, by: User | None = None, by_name: str = "") -> None:
    """Go on where it stopped. Nobody who was claimed before is sent to again.

    Where the first answers of a push service had stopped it, this says "go on" to all of them.
    """
    if not move(campaign, (Campaign.State.PAUSED,), Campaign.State.RUNNING, attention=""):
        raise Refused(_("It is not paused."))
    paused = Run.objects.filter(campaign=campaign, kind=Run.Kind.CAMPAIGN, state=Run.State.PAUSED)
    paused.filter(planned_at=None).update(
        state=Run.State.PLANNING, pause_reason="", enqueued_at=None
    )
    paused.update(state=Run.State.RUNNING, pause_reason="")
    _unsettled(campaign).update(enqueued_at=None)
    tripped = Trial.objects.filter(run__campaign=campaign, state=Trial.State.TRIPPED)
    tripped.update(state=Trial.State.CONFIRMED)
    audit.record(
        "campaign.resumed", site=campaign.site, actor=by, actor_name=by_name, target=campaign.name
    )
    # Its last window may have ended while it was paused; then no batch is ever due again.
    if (run := run_of(campaign)) and finishing.finish_if_settled(run.pk):
        campaign.refresh_from_db()


@transaction.atomic
def unpark(campaign: Campaign, *, by: User | None = None, by_name: str = "") -> int:
    """Try the batches again that no sender got through; how many. Refused if there are none."""
    Campaign.objects.select_for_update().get(pk=campaign.pk)
    parked = Batch.objects.filter(_of(campaign), parked_at__isnull=False)
    count = parked.update(
        parked_at=None, recoveries=0, error="", due_at=timezone.now(), enqueued_at=None
    )
    if not count:
        raise Refused(_("No batch waits for you any more."))
    audit.record(
        "campaign.unparked",
        site=campaign.site,
        actor=by,
        actor_name=by_name,
        target=campaign.name,
        batches=count,
    )
    return count


def _of(campaign: Campaign) -> Q:
    """The batches of a campaign's run, without those of its tests."""
    return Q(run__campaign=campaign, run__kind=Run.Kind.CAMPAIGN)


def _unsettled(campaign: Campaign) -> QuerySet[Batch]:
    return Batch.objects.filter(_of(campaign), due_at__isnull=False)


def _stay_unknown(batch: Batch) -> None:
    """What was to be sent again and is not: its first request may still have been accepted."""
    count = Delivery.objects.filter(
        month=batch.run.month,
        run_id=batch.run_id,
        subscription_id__gte=batch.first,
        subscription_id__lte=batch.last,
        state=Delivery.State.PLANNED,
        resends__gt=0,
    ).update(
        state=Delivery.State.UNKNOWN,
        reason="not_sent_again",
        not_before=None,
        settled_at=timezone.now(),
    )
    Batch.objects.filter(pk=batch.pk).update(
        pending=F("pending") - count, unknown=F("unknown") + count
    )


def start_due(now: datetime) -> int:
    """Start every campaign whose time has come; how many. Any number of tickers may call it.

    One that is later than the lateness limit, because nothing ran at its time, becomes a draft
    again and says so: a server that was off for a night asks instead of sending.
    """
    limit = timedelta(seconds=settings.LATENESS_LIMIT_SECONDS)
    due = Campaign.objects.filter(state=Campaign.State.SCHEDULED, scheduled_for__lte=now)
    started = 0
    for pk in due.values_list("pk", flat=True):
        try:
            started += _start_one(due.filter(pk=pk), now - limit)
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            # A fault in one campaign keeps no other from starting.
            log.exception("Campaign %s could not be started", pk)
            sentence = _("It could not be started: a fault of Beckon's own, see the ticker's log.")
            due.filter(pk=pk).update(state=Campaign.State.DRAFT, attention=sentence)
    return started


@transaction.atomic
def _start_one(due: QuerySet[Campaign], too_late: datetime) -> bool:
    """Start a due campaign, unless it was unscheduled, moved or started since it was found."""
    locked = due.select_related("site", "audience").select_for_update(of=("self",))
    campaign = locked.first()
    if campaign is None:
        return False
    try:
        if campaign.scheduled_for and campaign.scheduled_for < too_late:
            raise Refused(
                _(
                    "Its time passed while Beckon was not running, so nothing was sent. "
                    "Start it or set a new time."
                )
            )
        start(campaign, by_name="schedule")
    except Refused as refusal:
        scheduled, sentence = (Campaign.State.SCHEDULED,), refusal.sentence[:200]
        move(campaign, scheduled, Campaign.State.DRAFT, attention=sentence)
        return False
    return True
