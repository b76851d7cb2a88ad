"""Starting, scheduling and stopping: conditional updates, the one that changes a row wins."""

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit
from accounts.models import User
from campaigns import approvals, finishing, moments, runs, series
from campaigns.models import Batch, Campaign, Delivery, Run, Trial
from campaigns.refusals import Refused
from subscribers.models import Subscription, TestDevice

log = logging.getLogger("beckon.starting")
# Between "Send now" and the first message.
UNDO_SECONDS = 30
run_of = runs.of


def move(
    campaign: Campaign,
    frm: tuple[str, ...],
    to: str,
    among: QuerySet[Campaign] | None = None,
    **fields: object,
) -> bool:
    """Change the state if it is one of `frm`; whether this call did it. Refreshes the object."""
    now = timezone.now()
    rows = Campaign.objects.all() if among is None else among
    moved = rows.filter(pk=campaign.pk, state__in=frm).update(
        state=to, state_at=now, updated_at=now, **fields
    )
    campaign.refresh_from_db()
    return moved == 1


@transaction.atomic
def start(campaign: Campaign, *, by: User | None = None, by_name: str = "") -> Run:
    """Start now, once: however often and from wherever it is called, there is one run.

    Whatever time was noted is forgotten. Refused if it is cancelled, repeats, needs an approval
    or is not complete.
    """
    if not _move_to_now(campaign, Campaign.State.RUNNING, scheduled_for=None):
        if run := run_of(campaign):
            return run
        raise Refused(_("A cancelled campaign can't be started. Duplicate it instead."))
    return _begin(campaign, by=by, by_name=by_name)


@transaction.atomic
def send_soon(campaign: Campaign, *, by: User | None = None, by_name: str = "") -> None:
    """Start in UNDO_SECONDS, until when `undo` takes it back. Refused as `start`.

    Called again, or once it has started, it changes nothing.
    """
    campaign.refresh_from_db()
    if campaign.state == Campaign.State.SCHEDULED and campaign.scheduled_wall is None:
        return
    leaves = timezone.now() + timedelta(seconds=UNDO_SECONDS)
    if not _move_to_now(campaign, Campaign.State.SCHEDULED, scheduled_for=leaves):
        if run_of(campaign):
            return
        raise Refused(_("A cancelled campaign can't be started. Duplicate it instead."))
    _must_be_ready(campaign)
    note(campaign, "campaign.scheduled", by, by_name, at=leaves.isoformat())


def undo(campaign: Campaign, *, by: User | None = None, by_name: str = "") -> None:
    """Take back `send_soon` while nothing has left: a draft again. Refused from then on."""
    soon = Campaign.objects.filter(scheduled_wall=None)
    scheduled = (Campaign.State.SCHEDULED,)
    if not move(campaign, scheduled, Campaign.State.DRAFT, among=soon, scheduled_for=None):
        raise Refused(_("It has started, so it can't be undone. You can pause or cancel it."))
    note(campaign, "campaign.unscheduled", by, by_name)


@transaction.atomic
def schedule(
    campaign: Campaign,
    wall: datetime,
    zone: str,
    *,
    by: User | None = None,
    by_name: str = "",
) -> None:
    """Schedule for a naive wall time in a named zone: of a series the first one's.

    By people's own time it starts when the first clock shows it, or at once where that is past and
    others are still to come. Refused in the past, or once started.
    """
    noted = Campaign.objects.filter(pk=campaign.pk, state__in=Campaign.EDITABLE).update(
        scheduled_wall=moments.stored(wall), scheduled_zone=zone
    )
    campaign.refresh_from_db()
    if not noted:
        raise Refused(_("It has started already and can't be scheduled any more."))
    moment, occurrence = first_moment(campaign, wall, timezone.now())
    move(
        campaign,
        Campaign.EDITABLE,
        Campaign.State.SCHEDULED,
        scheduled_for=moment,
        occurrence=occurrence,
        attention="",
    )
    _must_be_ready(campaign)
    note(campaign, "campaign.scheduled", by, by_name, at=moment.isoformat())


def first_moment(
    campaign: Campaign, wall: datetime, now: datetime
) -> tuple[datetime, datetime | None]:
    """When a campaign with this wall time starts, and as which occurrence of a series."""
    if campaign.recurrence:
        coming = series.next_of(campaign, now)
        if coming is None:
            raise Refused(_("It never comes: all its days have passed or are left out."))
        return max(now, moments.first(campaign, coming)), moments.stored(coming)
    if moments.last(campaign, wall) <= now:
        raise Refused(_("That moment has passed. Pick a later one, or send now."))
    return max(now, moments.first(campaign, wall)), None


def _move_to_now(campaign: Campaign, to: str, **fields: object) -> bool:
    """Forget a noted time and change the state, if it has not started and is no other plan."""
    if campaign.state in Campaign.EDITABLE:
        if campaign.recurrence:
            raise Refused(_("It repeats. Schedule it, or let it go out once first."))
        if campaign.timing == Campaign.Timing.LOCAL:
            raise Refused(_("It goes out at each person's own time. Schedule it for one."))
    plain = Campaign.objects.filter(recurrence="", timing=Campaign.Timing.ZONE)
    fields = {"scheduled_wall": None, "scheduled_zone": "", "attention": ""} | fields
    return move(campaign, Campaign.EDITABLE, to, among=plain, **fields)


def _must_be_ready(campaign: Campaign) -> None:
    """Refused where the start would be, as things are."""
    runs.message_of(campaign)
    runs.rule_of(campaign)
    approvals.require(campaign)


def _begin(campaign: Campaign, *, by: User | None = None, by_name: str) -> Run:
    """Make the run of a campaign that was just moved to RUNNING. Refused if it may not go out."""
    run = runs.begin(campaign, by, by_name)
    approvals.require(campaign)
    note(campaign, "campaign.started", by, by_name)
    return run


def note(campaign: Campaign, action: str, by: User | None, by_name: str, **detail: object) -> None:
    audit.record(
        action, site=campaign.site, actor=by, actor_name=by_name, target=campaign.name, **detail
    )


@transaction.atomic
def send_test(campaign: Campaign, user: User) -> Run:
    """Send the message as it stands to the user's own test devices, through the same ledger."""
    devices = TestDevice.objects.filter(user=user, subscription__site=campaign.site_id)
    if not devices.filter(subscription__state=Subscription.State.ACTIVE).exists():
        raise Refused(_("None of your devices is a test device that can be reached."))
    return runs.test(campaign, user)


def unschedule(campaign: Campaign, *, by: User | None = None) -> None:
    """Back to a draft; the time that was set stays as a suggestion."""
    if campaign.scheduled_wall is None:
        return undo(campaign, by=by)
    scheduled = (Campaign.State.SCHEDULED,)
    if not move(campaign, scheduled, Campaign.State.DRAFT, occurrence=None):
        raise Refused(_("It is not scheduled any more."))
    note(campaign, "campaign.unscheduled", by, "")


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
    again and says so: a server that was off for a night asks instead of sending. Of a series that
    occurrence is left out, named, and the next one waited for.
    """
    limit = timedelta(seconds=settings.LATENESS_LIMIT_SECONDS)
    due = Campaign.objects.filter(state=Campaign.State.SCHEDULED, scheduled_for__lte=now)
    started = 0
    for pk in due.values_list("pk", flat=True):
        try:
            started += _start_one(due.filter(pk=pk), now, now - limit)
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            # A fault in one campaign keeps no other from starting.
            log.exception("Campaign %s could not be started", pk)
            sentence = _("It could not be started: a fault of Beckon's own, see the ticker's log.")
            due.filter(pk=pk).update(state=Campaign.State.DRAFT, attention=sentence)
    return started


@transaction.atomic
def _start_one(due: QuerySet[Campaign], now: datetime, too_late: datetime) -> bool:
    """Start a due campaign, unless it was unscheduled, moved or started since it was found."""
    locked = due.select_related("site", "audience").select_for_update(of=("self",))
    campaign = locked.first()
    if campaign is None or moments.follow_clock(campaign, now):
        return False
    try:
        if campaign.recurrence:
            return _occur(campaign, now, too_late)
        if campaign.scheduled_for and campaign.scheduled_for < too_late:
            raise Refused(
                _(
                    "Its time passed while Beckon was not running, so nothing was sent. "
                    "Start it or set a new time."
                )
            )
        _start_scheduled(campaign)
    except Refused as refusal:
        scheduled, sentence = (Campaign.State.SCHEDULED,), refusal.sentence[:200]
        move(campaign, scheduled, Campaign.State.DRAFT, attention=sentence, occurrence=None)
        return False
    return True


@transaction.atomic
def _start_scheduled(campaign: Campaign) -> None:
    """Start it with the time that it has; Refused undoes it, also where an edit voided a yes."""
    move(campaign, (Campaign.State.SCHEDULED,), Campaign.State.RUNNING, attention="")
    _begin(campaign, by_name="schedule")


def _occur(parent: Campaign, now: datetime, too_late: datetime) -> bool:
    """Start the next occurrence of a locked series, and wait for the one after it.

    Those whose time passed while nothing ran are named and left out.
    """
    missed: list[datetime] = []
    started = False
    while parent.state == Campaign.State.SCHEDULED and not started:
        wall, at = moments.naive(parent.occurrence) or moments.wall_of(parent), parent.scheduled_for
        if wall is None or at is None or at > now:
            break
        if started := at >= too_late:
            _start_occurrence(parent, wall, at)
        else:
            missed.append(wall)
        series.move_on(parent, wall, series.missed(missed))
    if missed:
        walls = [wall.isoformat() for wall in missed]
        note(parent, "campaign.missed", None, "schedule", walls=walls)
    return started


@transaction.atomic
def _start_occurrence(parent: Campaign, wall: datetime, at: datetime) -> None:
    """Once, however often the series was scheduled anew; Refused undoes it."""
    if not parent.occurrences.filter(occurrence=moments.stored(wall)).exists():
        _start_scheduled(series.copy(parent, wall, at))
