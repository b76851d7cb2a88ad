"""Making, changing, copying and deleting campaigns.

Every change locks the campaign's row first, as starting does with its conditional update: an edit
comes wholly before the start, or is refused. What may be changed afterwards is what the rest is
told, and how fast it goes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext as _

from accounts import audit, rates
from accounts.models import Site, User
from audiences import rules, saving
from audiences.models import Audience
from campaigns import approvals, authors, cells, content, payload, scheduling
from campaigns.models import Campaign, Delivery, Message, Run
from campaigns.refusals import Refused

LONGEST_NAME = 120
UTM_SOURCE = "beckon"
UTM_MEDIUM = "web_push"
CONTENT = tuple(content.CHECKS)
# By which rules it goes out (campaigns.terms); a copy keeps them.
RULES = (
    *("late", "no_zone", "expiry_minutes", "priority", "topic", "transactional", "counted"),
    *("quiet", "caps", "override_reason", "once_key"),
    *("devices", "inbox", "inbox_days"),
)
EXPERIMENT = ("holdout", "winner_by", "sample", "decide_minutes", "conversion")
# Fields of a message, or what makes them of the message as it stands under its lock.
Change = Mapping[str, Any] | Callable[[Message], Mapping[str, Any]]


def utm_of(name: str) -> str:
    """What utm_campaign is called after a campaign's name: "Winter layers!" is "winter-layers"."""
    return slugify(name, allow_unicode=True)[: content.LONGEST["utm"]]


@transaction.atomic
def create(site: Site, *, by: User | None, name: str = "", rule: Any = None) -> Campaign:
    """A new draft to everyone (or to a rule's people), with an empty message."""
    name = content.text(name, longest=LONGEST_NAME) or _("New campaign")
    wanted = rules.EVERYONE if rule is None else rules.parse(rule)
    saving.check(wanted, site)
    audience = Audience.objects.create(
        site=site,
        rule=wanted.as_json(),
        created_by=by,
    )
    campaign = Campaign.objects.create(site=site, name=name, audience=audience, created_by=by)
    Message.objects.create(
        campaign=campaign,
        url=site.default_url,
        utm_source=UTM_SOURCE,
        utm_medium=UTM_MEDIUM,
        utm_campaign=utm_of(name),
        created_by=by,
    )
    return campaign


def untouched(site: Site, by: User) -> Campaign | None:
    """The draft that somebody made and never wrote in, if there is one: to be used again."""
    return Campaign.objects.filter(
        site=site,
        created_by=by,
        state=Campaign.State.DRAFT,
        name=_("New campaign"),
        scheduled_wall=None,
        audience__rule=rules.EVERYONE.as_json(),
        messages__version=1,
        messages__title="",
        messages__body="",
        messages__image="",
        messages__actions=[],
    ).first()


def message_of(campaign: Campaign) -> Message:
    """The newest version of what a campaign says."""
    return campaign.messages.latest()


def editable(campaign: Campaign) -> Campaign:
    """The campaign, locked for the rest of the transaction; Refused once it has started."""
    locked = _locked(campaign)
    if locked.state in Campaign.OPEN:
        raise Refused(_("It has started. Only its message and its speed can be changed now."))
    if locked.state not in Campaign.EDITABLE:
        raise Refused(_("It has ended, so it can't be changed any more. Duplicate it."))
    return locked


def _locked(campaign: Campaign) -> Campaign:
    return Campaign.objects.select_for_update().select_related(None).get(pk=campaign.pk)


@transaction.atomic
def rename(campaign: Campaign, name: str, *, by: User | None = None) -> None:
    """Give it another name; ValidationError if there is nothing in it."""
    name = content.text(name, longest=LONGEST_NAME)
    if not name:
        raise ValidationError({"name": _("Give it a name. Only your team sees it.")})
    editable(campaign)
    campaign.name = name
    authors.note(campaign, by)
    _touch(campaign, "name")


@transaction.atomic
def edit_message(campaign: Campaign, change: Change, by: User | None) -> Message:
    """Change some fields of what it says; the version that is in force afterwards.

    A version that a run (a test, say) has used never changes: the edit makes the next one.
    ValidationError by field; `body` where the whole is too large. Refused once it has started.
    """
    state = editable(campaign).state
    # FOR UPDATE waits for a run that is just being made with this version, and makes it wait.
    message = Message.objects.select_for_update().filter(campaign=campaign).latest()
    clean = content.checked(change(message) if callable(change) else change, campaign.site)
    if all(getattr(message, name) == value for name, value in clean.items()):
        return message
    for name, value in clean.items():
        setattr(message, name, value)
    payload.must_fit(message, campaign.site)
    if state == Campaign.State.SCHEDULED:
        _must_be_complete(message, _("It is scheduled."))
    if message.runs.exists():
        message = _next_version(message, by)
    else:
        message.save(update_fields=list(clean))
    authors.note(campaign, by)
    _touch(campaign)
    return message


@transaction.atomic
def revise(
    campaign: Campaign,
    change: Change,
    *,
    by: User | None = None,
    by_name: str = "",
    seen: int | None = None,
) -> Message:
    """Change what a running or paused campaign says to the rest; the version from now on.

    Versions are immutable, so this makes the next one and points the run at it: a claim reads it
    together with its window, so it takes effect within one window, and each delivery keeps the
    number of the version that was sent. `seen` is the version that the person looked at: Refused
    if there is a newer one, where a second person has to approve it, and once the campaign has
    ended. ValidationError as `edit_message`.
    """
    run = _open_run(campaign)
    latest = campaign.messages.latest()
    if seen not in (None, latest.version):
        raise Refused(
            _(
                "Somebody else changed the message meanwhile: version %(version)d goes out now. "
                "Open it again to change that one."
            )
            % {"version": latest.version}
        )
    clean = content.checked(change(latest) if callable(change) else change, campaign.site)
    if all(getattr(latest, name) == value for name, value in clean.items()):
        return latest
    for name, value in clean.items():
        setattr(latest, name, value)
    payload.must_fit(latest, campaign.site)
    _must_be_complete(latest, _("It is going out."))
    message = _next_version(latest, by)
    Run.objects.filter(pk=run.pk).update(message=message)
    if not approvals.standing(campaign).free:
        raise Refused(_("A second person has to approve that. Cancel it and send a duplicate."))
    authors.note(campaign, by)
    _touch(campaign)
    audit.record(
        "campaign.revised",
        site=campaign.site,
        actor=by,
        actor_name=by_name,
        target=campaign.name,
        version=message.version,
    )
    return message


def _open_run(campaign: Campaign) -> Run:
    """The run of a campaign that has not ended; both are locked, in this order."""
    state = _locked(campaign).state
    # Not its key: a sender that holds a batch may be about to refer to it.
    runs = Run.objects.select_for_update(no_key=True)
    run = runs.filter(campaign=campaign, kind=Run.Kind.CAMPAIGN).first()
    if state in Campaign.OPEN and run is not None:
        return run
    if state in Campaign.EDITABLE:
        raise Refused(_("It has not started. Edit the draft itself."))
    raise Refused(_("It has ended, so nobody is left to get a changed message. Duplicate it."))


@transaction.atomic
def set_throttle(
    campaign: Campaign, rate: int | None, *, by: User | None = None, by_name: str = ""
) -> None:
    """Send at most `rate` messages a minute, or None: as fast as it goes. Also while it runs.

    ValidationError for what is no rate (accounts.rates); Refused once it has ended.
    """
    rate = rates.checked(rate)
    locked = _locked(campaign)
    if locked.state not in (*Campaign.EDITABLE, *Campaign.OPEN):
        raise Refused(_("It has ended, so there is nothing left to slow down or to speed up."))
    campaign.throttle = rate
    if locked.throttle == rate:
        return
    authors.note(campaign, by)
    _touch(campaign, "throttle")
    if locked.state in Campaign.OPEN:
        audit.record(
            "campaign.throttled",
            site=campaign.site,
            actor=by,
            actor_name=by_name,
            target=campaign.name,
            messages_a_minute=rate,
        )


@transaction.atomic
def set_experiment(campaign: Campaign, by: User | None = None, **fields: Any) -> None:
    """Who is kept back and how a variant wins: some of EXPERIMENT. ValidationError by field.

    Refused once it has started: those who have been told something can't be dealt out anew.
    """
    locked = editable(campaign)
    for name, value in fields.items():
        if name not in EXPERIMENT:
            raise ValueError(f"Not a field of an experiment: {name}")
        setattr(campaign, name, value)
    try:
        campaign.clean_fields(exclude=[field.name for field in _other_fields()])
    except ValidationError:
        campaign.refresh_from_db(fields=EXPERIMENT)
        raise
    if any(getattr(locked, name) != value for name, value in fields.items()):
        authors.note(campaign, by)
        _touch(campaign, *fields)


def _other_fields() -> list[Any]:
    return [field for field in Campaign._meta.concrete_fields if field.name not in EXPERIMENT]


@transaction.atomic
def set_audience(campaign: Campaign, rule: Any, *, by: User | None = None) -> None:
    """Who gets it; rules.RuleError for a rule that is not understood."""
    parsed = rules.parse(rule)
    wanted = parsed.as_json()
    editable(campaign)
    saving.check(parsed, campaign.site)
    if wanted != campaign.audience.rule:
        authors.note(campaign, by)
    Audience.objects.filter(pk=campaign.audience_id).update(rule=wanted)
    campaign.audience.rule = wanted
    _touch(campaign)


@transaction.atomic
def set_time(
    campaign: Campaign, wall: datetime | None, zone: str = "", *, by: User | None = None
) -> None:
    """Note when a draft is meant to go out: a naive wall time in a zone, or None for "now".

    Nothing is scheduled by it; `starting.schedule` does that. Refused for what is no draft.
    """
    if editable(campaign).state != Campaign.State.DRAFT:
        raise Refused(_("This campaign is scheduled. Change its time, or unschedule it."))
    campaign.scheduled_wall = wall.replace(tzinfo=UTC) if wall else None
    campaign.scheduled_zone = zone if wall else ""
    campaign.scheduled_for = scheduling.instant(wall, zone) if wall else None
    authors.note(campaign, by)
    _touch(campaign, "scheduled_wall", "scheduled_zone", "scheduled_for")


@transaction.atomic
def duplicate(campaign: Campaign, by: User | None) -> Campaign:
    """A new draft that says the same to the same people, as fast; it keeps no time.

    A utm_campaign that follows the name follows the copy's, so that clicks are told apart. Refused
    where what the rule names is gone: nobody else may take their place.
    """
    name = _("%(name)s (copy)") % {"name": campaign.name[: LONGEST_NAME - 20]}
    try:
        copy = create(campaign.site, by=by, name=name, rule=campaign.audience.rule)
    except rules.RuleError as error:
        sentence = _("It can't be copied with its audience. %(why)s")
        raise Refused(sentence % {"why": error.sentence}) from error
    contents = _contents(message_of(campaign))
    if contents["utm_campaign"] == utm_of(campaign.name):
        contents["utm_campaign"] = utm_of(copy.name)
    Message.objects.filter(campaign=copy).update(**contents)
    set_throttle(copy, campaign.throttle)
    # Who wrote what is copied does not approve the copy either.
    copy.authors = sorted(
        {
            *copy.authors,
            *campaign.authors,
            *[pk for pk in (campaign.created_by_id, by and by.pk) if pk],
        }
    )
    for name in RULES:
        setattr(copy, name, getattr(campaign, name))
    copy.save(update_fields=["authors", *RULES])
    set_experiment(copy, **{name: getattr(campaign, name) for name in EXPERIMENT})
    return copy


@transaction.atomic
def delete(campaign: Campaign, *, by: User | None = None, by_name: str = "") -> None:
    """Remove a draft with its tests. Refused for others, and while a test or one of it goes out."""
    if editable(campaign).state != Campaign.State.DRAFT:
        raise Refused(_("Only a draft can be deleted. Take it back to draft first."))
    runs = Run.objects.filter(campaign=campaign)
    # Whom an occurrence keeps back follows from its series.
    going = Run.objects.filter(Q(campaign__parent=campaign) | Q(campaign=campaign))
    if going.filter(state__in=(*Run.SENDING, Run.State.PAUSED)).exists():
        raise Refused(_("A test or one of it is still going out. Try again when that has ended."))
    Delivery.objects.filter(run__in=runs).delete()
    runs.delete()
    audit.record(
        "campaign.deleted", site=campaign.site, actor=by, actor_name=by_name, target=campaign.name
    )
    campaign.delete()
    campaign.audience.delete()


def _contents(message: Message) -> dict[str, Any]:
    return {name: getattr(message, name) for name in CONTENT}


def _next_version(message: Message, by: User | None) -> Message:
    """Store what a message holds as the version after it."""
    return Message.objects.create(
        **_contents(message),
        campaign_id=message.campaign_id,
        version=message.version + 1,
        created_by=by,
    )


def _touch(campaign: Campaign, *changed: str) -> None:
    campaign.updated_at = timezone.now()
    campaign.save(update_fields=[*changed, "updated_at"])


def needed(why: str) -> dict[str, str]:
    """The fields without which nothing goes out, each with its sentence."""
    return {
        "title": _("%(why)s It needs a title.") % {"why": why},
        "url": _("%(why)s It needs an address to open.") % {"why": why},
    }


def _must_be_complete(message: Message, why: str) -> None:
    """What goes out as it stands may not be emptied, in no variant."""
    for letter, row in zip(cells.LETTERS, cells.rows(message), strict=False):
        empty = {name: text for name, text in needed(why).items() if not row[name]}
        if empty and message.variants:
            also = _("Variant %(letter)s: %(sentence)s")
            empty = {name: also % {"letter": letter, "sentence": empty[name]} for name in empty}
        if empty:
            raise ValidationError(empty)
