"""When and under which rules a campaign goes out, in words for its review."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC

from django.utils.formats import date_format, time_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.templatetags.beckon import number
from campaigns import moments, outlook, pace, policies, rates, series
from campaigns.models import Campaign, Message

DAY = 86_400


@dataclass(frozen=True)
class Fact:
    """What was set, in a few words; what follows from it, or why, on a second line."""

    name: str
    text: str
    detail: str = ""


def schedule(campaign: Campaign, message: Message) -> list[Fact]:
    """When it goes out, how often, how fast and until when."""
    return [*_when(campaign), *_pace(campaign, message)]


def _when(campaign: Campaign) -> Iterator[Fact]:
    wall = outlook.next_wall(campaign)
    if wall is None:
        yield Fact(_("When"), _("Now, when you press the button"))
        return
    text = date_format(wall, "D j M Y H:i")
    if campaign.timing == Campaign.Timing.LOCAL:
        yield Fact(
            _("When"), _("%(time)s, each person's own time") % {"time": text}, _late(campaign)
        )
    else:
        at = date_format(moments.first(campaign, wall).astimezone(UTC), "D j M H:i")
        place = {"time": text, "city": outlook.city_of(campaign)}
        yield Fact(_("When"), _("%(time)s %(city)s") % place, _("%(time)s UTC") % {"time": at})
    if campaign.recurrence:
        yield Fact(_("Repeats"), series.sentence(campaign), _left_out(campaign))


def _late(campaign: Campaign) -> str:
    """What becomes of those whose moment has passed or who have no zone."""
    late = {
        Campaign.Late.SEND: _("Where the time has passed, it goes at once."),
        Campaign.Late.NEXT_DAY: _("Where the time has passed, it goes the next day."),
        Campaign.Late.SKIP: _("Where the time has passed, people are skipped."),
    }[Campaign.Late(campaign.late)]
    if campaign.no_zone == Campaign.NoZone.SKIP:
        return late + " " + _("Who has no known time zone is skipped.")
    city = campaign.site.time_zone.rsplit("/", 1)[-1].replace("_", " ")
    return (
        late
        + " "
        + _("Who has no known time zone gets it by the clock of %(city)s.") % {"city": city}
    )


def _left_out(campaign: Campaign) -> str:
    days = [date_format(day, "j M Y") for day in campaign.exceptions]
    return _("Without %(days)s") % {"days": ", ".join(days)} if days else ""


def _pace(campaign: Campaign, message: Message) -> Iterator[Fact]:
    if rate := rates.limit_of(campaign):
        yield Fact(_("Speed"), rates.per_minute(rate))
    if campaign.expiry_minutes is not None:
        after = lasting(campaign.expiry_minutes * 60)
        yield Fact(_("Expires"), _("%(time)s after its time") % {"time": after})
    yield Fact(
        _("Kept for"),
        lasting(message.ttl) if message.ttl else _("Only devices that are online"),
        _("Urgency: %(urgency)s") % {"urgency": message.get_urgency_display()},
    )


def lasting(seconds: int) -> str:
    """ "1 day", "90 s", "2 h 30 min"."""
    if not seconds or seconds % DAY:
        return pace.took(seconds)
    days = seconds // DAY
    return ngettext("%(count)d day", "%(count)d days", days) % {"count": days}


def apps(message: Message) -> list[Fact]:
    """What apps get beside the texts, by system; [] where they get nothing of their own."""
    names = {"android": _("Android app"), "ios": _("iOS app")}
    words = {
        "channel_id": _("Channel: %(value)s"),
        "sound": _("Sound: %(value)s"),
        "badge": _("Badge: %(value)s"),
        "category": _("Category: %(value)s"),
        "interruption_level": _("Interruption: %(value)s"),
    }
    found = []
    for system, name in names.items():
        if said := message.app.get(system):
            link = _("Opens %(link)s") % {"link": said["link"]} if said.get("link") else ""
            others = [words[key] % {"value": said[key]} for key in words if key in said]
            found.append(Fact(name, link or _("Opens the web address"), ", ".join(others)))
    return found


def rules(campaign: Campaign) -> list[Fact]:
    """Quiet hours, caps and the like; where it does not do as the site does, with the reason."""
    found = [_quiet(campaign), _caps(campaign)]
    found += _reach(campaign)
    found.append(Fact(_("Priority"), _("%(priority)d of 100") % {"priority": campaign.priority}))
    if campaign.topic:
        found.append(Fact(_("Topic"), campaign.topic))
    if campaign.once_key:
        detail = _("Of all campaigns with this key a person gets one")
        found.append(Fact(_("Send once"), campaign.once_key, detail))
    if campaign.holdout:
        share = _("%(share)d %% are kept back") % {"share": campaign.holdout}
        found.append(Fact(_("Control group"), share))
    return found


def _reach(campaign: Campaign) -> Iterator[Fact]:
    """On which devices of a person, and how long it can be read again."""
    yield Fact(_("Devices"), str(Campaign.Devices(campaign.devices).label))
    if campaign.inbox:
        days = campaign.inbox_days
        lasting = ngettext("For %(days)d day", "For %(days)d days", days) % {"days": days}
        also = _("Also for people who allowed no notifications there")
        yield Fact(_("Inbox"), lasting, also)


def _quiet(campaign: Campaign) -> Fact:
    name = _("Quiet hours")
    policy = policies.of(campaign.site)
    if policy.quiet_start is None or policy.quiet_end is None:
        return Fact(name, _("None on this site"))
    if campaign.transactional:
        return Fact(name, _("Ignored"), _("It answers something that the person did"))
    hours = {
        "start": time_format(policy.quiet_start, "H:i"),
        "end": time_format(policy.quiet_end, "H:i"),
    }
    if campaign.quiet == Campaign.Quiet.OFF:
        return Fact(name, _("Ignored, %(start)s to %(end)s") % hours, _why(campaign))
    kept = policies.quiet_of(campaign)
    holds = kept is not None and kept[1] == "hold"
    text = (
        _("%(start)s to %(end)s: held until they end")
        if holds
        else _("%(start)s to %(end)s: the person is skipped")
    )
    own = campaign.quiet != Campaign.Quiet.SITE
    return Fact(name, text % hours, _why(campaign) if own else "")


def _caps(campaign: Campaign) -> Fact:
    name = _("Caps")
    limits = [outlook.caps_of(campaign)] if outlook.caps_of(campaign) else []
    if gap := policies.of(campaign.site).gap_minutes:
        words = ngettext("%(count)s minute apart", "%(count)s minutes apart", gap)
        limits.append(words % {"count": number(gap)})
    counted = "" if campaign.counted else _("Takes no place under the caps of others")
    if not limits:
        return Fact(name, _("None on this site"), counted)
    text = "; ".join(limits)
    text = text[0].upper() + text[1:]
    if campaign.transactional:
        return Fact(name, _("Ignored: %(caps)s") % {"caps": text}, _("It answers what people did"))
    if campaign.caps == Campaign.Caps.OFF:
        return Fact(name, _("Ignored: %(caps)s") % {"caps": text}, _why(campaign))
    return Fact(name, text, counted)


def _why(campaign: Campaign) -> str:
    return _("Because: %(reason)s") % {"reason": campaign.override_reason or _("no reason given")}
