"""The four steps of the composer as its stepper shows them."""

from __future__ import annotations

from dataclasses import dataclass

from django.urls import reverse
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from campaigns import cells, outlook
from campaigns.models import Campaign, Message
from campaigns.readiness import Standing, Step


@dataclass(frozen=True)
class Shown:
    """A step: its name, what it has come to, its address; the stepper's template has the states."""

    name: str
    line: str
    href: str
    state: str


def number(count: int) -> str:
    return number_format(count, use_l10n=True, force_grouping=True)


def reach(people: int, devices: int, *, estimated: bool = False) -> str:
    """ "44,816 devices of 38,406 people"; "about" that many where it is an estimate."""
    of = ngettext("%(count)s device", "%(count)s devices", devices) % {"count": number(devices)}
    persons = ngettext("%(count)s person", "%(count)s people", people) % {"count": number(people)}
    words = _("about %(devices)s of %(people)s") if estimated else _("%(devices)s of %(people)s")
    return words % {"devices": of, "people": persons}


def message_line(message: Message) -> str:
    """Its title, or how many variants and languages it has; or that nothing is written."""
    if not message.title:
        return _("Nothing written yet")
    variants, languages = cells.count(message), 1 + len(cells.languages(message))
    if variants == languages == 1:
        return message.title
    several = [
        ngettext("%(count)d variant", "%(count)d variants", variants) % {"count": variants},
        ngettext("%(count)d language", "%(count)d languages", languages) % {"count": languages},
    ]
    return ", ".join(several)


def time_line(standing: Standing) -> str:
    """ "Thu 26 Nov 18:00 Oslo", or that it goes out when somebody says so."""
    campaign = standing.campaign
    wall = outlook.next_wall(campaign)
    if wall is None:
        return _("When you say so")
    time = date_format(wall, "D j M H:i")
    if campaign.timing == Campaign.Timing.LOCAL:
        return _("%(time)s, own time") % {"time": time}
    return f"{time} {outlook.city_of(campaign)}"


def steps(standing: Standing, current: Step, reviewed: str = "") -> list[Shown]:
    """All four, the current one marked, the others done or in need of attention.

    `reviewed`: what the review has come to.
    """
    line = {
        Step.MESSAGE: message_line(standing.message),
        Step.AUDIENCE: reach(standing.people, standing.devices, estimated=standing.estimated),
        Step.SCHEDULE: time_line(standing),
        Step.REVIEW: reviewed or _("Who gets it, what and when"),
    }
    name = {
        Step.MESSAGE: _("Message"),
        Step.AUDIENCE: _("Audience"),
        Step.SCHEDULE: _("Schedule"),
        Step.REVIEW: _("Review"),
    }
    return [
        Shown(name[step], line[step], href(standing, step), _state(standing, step, current))
        for step in Step
    ]


def href(standing: Standing, step: Step) -> str:
    campaign = standing.campaign
    return reverse(f"campaigns:{step}", args=[campaign.site_id, campaign.pk])


def _state(standing: Standing, step: Step, current: Step) -> str:
    if step is current:
        return "current"
    if step is Step.REVIEW:
        return ""
    if not standing.problems_of(step):
        return "done"
    # An empty page is not a mistake.
    return "attention" if step is not Step.MESSAGE or standing.message.title else ""
