"""What is looked at before a campaign goes out, each with what to do about it.

`of` asks only what is at hand; what waits for other servers or counts people is in
`slow_checks`, which a page asks for once it is there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.utils import timezone
from django.utils.formats import date_format, time_format
from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts.models import Site
from accounts.templatetags.beckon import number
from campaigns import cells, outlook, policies, rates
from campaigns.models import Campaign, DryRun, Message
from campaigns.pace import took
from campaigns.readiness import DRIFT, Problem, Standing, Step

# What each system shows of a title and a text, about: characters in the lines that it has.
CUTS = {
    "title": {
        **{"android": 46, "windows": 84, "macos": 34, "ios": 32},
        **{"android_app": 46, "ios_app": 32},
    },
    "body": {
        **{"android": 270, "windows": 170, "macos": 80, "ios": 160},
        **{"android_app": 270, "ios_app": 160},
    },
}
SYSTEMS = {
    **{"android": "Android", "windows": "Windows", "macos": "macOS", "ios": "iOS"},
    **{"android_app": gettext_lazy("Android apps"), "ios_app": gettext_lazy("iOS apps")},
}
# What a message's overrides call a system, where that is another name.
OVERRIDES = {"macos": "mac", "android_app": "android", "ios_app": "ios"}
LIQUID = re.compile(r"{%.*?%}|{{.*?}}", re.DOTALL)
# From this share of the recipients on, a default is no exception any more.
MANY = 0.2
# Fewer people than this in a control group say nothing.
FEWEST_HELD_OUT = 100


class Level(StrEnum):
    # It can't go out.
    STOP = "stop"
    # It would do what nobody wants.
    WARN = "warn"
    NOTE = "note"


@dataclass(frozen=True)
class Check:
    """One thing that was found, what to do, and where: the step and the field's name."""

    code: str
    level: Level
    sentence: str
    fix: str
    step: Step
    field: str = ""


def of(standing: Standing, run: DryRun | None = None) -> list[Check]:
    """What can be told at once; `run`: a finished dry run of the campaign as it is now."""
    found = [stop(problem) for problem in standing.problems]
    found += _texts(standing)
    found += _buttons(standing)
    found += _times(standing)
    found += _experiment(standing)
    if run is not None:
        found += _foretold(standing, run)
    else:
        found += _quiet(standing)
    return in_order(found)


def in_order(checks: list[Check]) -> list[Check]:
    """What stops it first."""
    return sorted(checks, key=lambda check: list(Level).index(check.level))


def stop(problem: Problem) -> Check:
    """What `readiness` has found, as a check."""
    fixes = {
        Step.MESSAGE: _("Change the message"),
        Step.AUDIENCE: _("Change the audience"),
        Step.SCHEDULE: _("Change the schedule"),
        Step.REVIEW: "",
    }
    return Check(
        f"{problem.step}_{problem.field}",
        Level.STOP,
        problem.sentence,
        fixes[problem.step],
        problem.step,
        problem.field,
    )


def _texts(standing: Standing) -> Iterator[Check]:
    """What systems would not show of the title and the text."""
    for name, most in CUTS.items():
        cut = [
            (str(SYSTEMS[kind]), getattr(standing.platforms, kind))
            for kind, characters in most.items()
            if _longest(standing.message, kind, name) > characters
        ]
        devices = sum(count for _system, count in cut)
        if not devices:
            continue
        words = {
            "systems": get_text_list([system for system, count in cut if count], _("and")),
            "count": number(devices),
        }
        sentence = (
            _("The end of the title is cut on %(systems)s: %(count)s devices.")
            if name == "title"
            else _("The end of the text is cut on %(systems)s: %(count)s devices.")
        )
        fix = _("Shorten it")
        yield Check(f"{name}_cut", Level.NOTE, sentence % words, fix, Step.MESSAGE, name)


def _buttons(standing: Standing) -> Iterator[Check]:
    """Those that apps on iOS would not show."""
    message = standing.message
    has_buttons = any(row.get("actions") for row in cells.rows(message))
    if not has_buttons or (message.app.get("ios") or {}).get("category"):
        return
    if count := standing.platforms.ios_app:
        sentence = ngettext(
            "Apps on iOS show buttons only of a category, and none is named: %(count)s device.",
            "Apps on iOS show buttons only of a category, and none is named: %(count)s devices.",
            count,
        ) % {"count": number(count)}
        fix = _("Name the category of the app's buttons")
        yield Check("buttons_ios", Level.NOTE, sentence, fix, Step.MESSAGE, "ios_category")


def _longest(message: Message, kind: str, name: str) -> int:
    """Characters of the longest text that a system would be given, without its Liquid."""
    rows = [
        {"title": message.title, "body": message.body, "translations": message.translations}
        | {"overrides": message.overrides},
        *message.variants,
    ]
    texts: list[str] = []
    for row in rows:
        if own := row.get("overrides", {}).get(OVERRIDES.get(kind, kind), {}).get(name):
            texts.append(own)
            continue
        texts.append(row.get(name) or "")
        texts += [one.get(name) or "" for one in row.get("translations", {}).values()]
    return max(len(LIQUID.sub("", text)) for text in texts)


def _times(standing: Standing) -> Iterator[Check]:
    """When it expires, against what it needs."""
    campaign, expiry = standing.campaign, standing.campaign.expiry_minutes
    if coupon := _coupon_ended(standing):
        yield coupon
    if expiry is None:
        return
    rate = rates.limit_of(campaign)
    if rate and standing.devices > rate * expiry:
        words = {"needs": rates.takes(standing.devices, rate), "has": took(expiry * 60)}
        sentence = _("At this speed it needs %(needs)s, but expires after %(has)s.") % words
        fix = _("Send faster, or let it expire later")
        yield Check("expires_early", Level.WARN, sentence, fix, Step.SCHEDULE, "expiry_minutes")
    decides = campaign.winner_by not in {Campaign.WinnerBy.NEVER, Campaign.WinnerBy.HAND}
    if decides and standing.message.variants and campaign.decide_minutes >= expiry:
        words = {"decides": took(campaign.decide_minutes * 60), "has": took(expiry * 60)}
        sentence = _(
            "The winner is chosen after %(decides)s, when it has expired (after %(has)s): "
            "nobody would get it."
        )
        fix = _("Let it expire later")
        yield Check(
            "winner_late", Level.WARN, sentence % words, fix, Step.SCHEDULE, "expiry_minutes"
        )


def _coupon_ended(standing: Standing) -> Check | None:
    ends = ending(standing.message.coupon.get("expires_at") or "", standing.campaign.site)
    starts = standing.due or timezone.now()
    if ends is None or ends > starts:
        return None
    day = date_format(ends.astimezone(standing.campaign.zone), "D j M H:i")
    sentence = _("The coupon ends before it starts: %(day)s.") % {"day": day}
    fix = _("Give the coupon a later end")
    return Check("coupon_ended", Level.WARN, sentence, fix, Step.MESSAGE, "coupon_expires_at")


def ending(text: str, site: Site) -> datetime | None:
    """When a coupon ends, by the site's clock where it names no zone; None for no moment."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=site.zone)


def _experiment(standing: Standing) -> Iterator[Check]:
    campaign = standing.campaign
    waits = campaign.winner_by != Campaign.WinnerBy.NEVER and standing.message.variants
    if waits and campaign.timing == Campaign.Timing.LOCAL:
        sentence = _(
            "The winner is chosen %(time)s after the first zone's turn: later zones have not been "
            "asked by then, and earlier ones get it after their hour."
        ) % {"time": took(campaign.decide_minutes * 60)}
        fix = _("Share all of them by weight, or send at one moment everywhere")
        yield Check("winner_local", Level.WARN, sentence, fix, Step.MESSAGE, "winner_by")
    share = standing.campaign.holdout
    held = standing.people * share // 100
    if share and held < FEWEST_HELD_OUT:
        sentence = ngettext(
            "The control group would be %(count)s person: too few to show an effect.",
            "The control group would be %(count)s people: too few to show an effect.",
            held,
        )
        words = sentence % {"count": number(held)}
        fix = _("Send to all of them")
        yield Check("holdout_tiny", Level.WARN, words, fix, Step.MESSAGE, "holdout")


def _quiet(standing: Standing) -> Iterator[Check]:
    """Quiet hours at that time, as long as no dry run says for how many."""
    campaign = standing.campaign
    kept = policies.quiet_of(campaign)
    if kept is None or campaign.timing == Campaign.Timing.LOCAL:
        wall = outlook.next_wall(campaign)
        clock = wall.time() if kept and wall else None
        if kept is None or clock is None or not _covers(kept[0].start, kept[0].end, clock):
            return
    elif kept[0].until(standing.due or timezone.now(), campaign.site.time_zone) is None:
        return
    hours = {
        "start": time_format(kept[0].start, "H:i"),
        "end": time_format(kept[0].end, "H:i"),
    }
    sentence = (
        _("It would wait: quiet hours are from %(start)s to %(end)s.")
        if kept[1] == "hold"
        else _("People would be skipped: quiet hours are from %(start)s to %(end)s.")
    )
    fix = _("Choose another time")
    yield Check("quiet_hours", Level.WARN, sentence % hours, fix, Step.SCHEDULE, "wall")


def _covers(start: object, end: object, clock: object) -> bool:
    """Whether a wall time is between two others, perhaps over midnight."""
    begin, last, now = str(start), str(end), str(clock)
    return begin <= now < last if begin < last else now >= begin or now < last


def _foretold(standing: Standing, run: DryRun) -> Iterator[Check]:
    """What a dry run has found."""
    seen = outlook.Outlook(standing.campaign, run)
    yield from _stopped(seen)
    yield from _defaulted(seen)
    if waits := seen.counts.get(outlook.LATER, 0):
        sentence = ngettext(
            "%(count)s device has quiet hours at that time: it gets it afterwards.",
            "%(count)s devices have quiet hours at that time: they get it afterwards.",
            waits,
        )
        words, fix = sentence % {"count": number(waits)}, _("Choose another time")
        yield Check("quiet_hours", Level.NOTE, words, fix, Step.SCHEDULE, "wall")
    if skipped := seen.counts.get("quiet_hours", 0):
        sentence = ngettext(
            "%(count)s device is skipped: it has quiet hours at that time.",
            "%(count)s devices are skipped: they have quiet hours at that time.",
            skipped,
        )
        words, fix = sentence % {"count": number(skipped)}, _("Choose another time")
        yield Check("quiet_hours_skip", Level.WARN, words, fix, Step.SCHEDULE, "wall")
    if seen.total and not seen.going:
        sentence = _("Nobody would get it: see the reasons above.")
        yield Check("nobody", Level.WARN, sentence, _("Change the audience"), Step.AUDIENCE, "who")
    yield from drifted(standing, run, seen.total)


def drifted(standing: Standing, run: DryRun, before: int) -> Iterator[Check]:
    """Whether the audience has changed since a dry run counted it."""
    if abs(standing.devices - before) <= max(before, standing.devices) * DRIFT:
        return
    words = {
        "before": number(before),
        "now": number(standing.devices),
        "time": date_format(run.asked_at.astimezone(standing.campaign.site.zone), "H:i"),
    }
    sentence = _("The audience has changed: %(before)s devices at %(time)s, %(now)s now.")
    yield Check(
        "audience_changed", Level.WARN, sentence % words, _("Run again"), Step.REVIEW, "outlook"
    )


def _stopped(seen: outlook.Outlook) -> Iterator[Check]:
    for row in seen.rows:
        if row.key != "refused":
            continue
        words = {"title": row.title, "count": number(row.count)}
        sentence = ngettext(
            "%(title)s. %(count)s device would not get it.",
            "%(title)s. %(count)s devices would not get it.",
            row.count,
        )
        fix = _("Give the value a default")
        yield Check("stopped", Level.WARN, sentence % words, fix, Step.MESSAGE, "body")


def _defaulted(seen: outlook.Outlook) -> Iterator[Check]:
    for name, count in sorted(seen.run.defaults.items(), key=lambda one: -one[1]):
        if not count:
            continue
        level = Level.WARN if count > seen.going * MANY else Level.NOTE
        sentence = ngettext(
            "%(count)s device has no %(name)s and reads its default.",
            "%(count)s devices have no %(name)s and read its default.",
            count,
        )
        words = sentence % {"count": number(count), "name": name}
        fix = _("Look at the text without it")
        yield Check("default", level, words, fix, Step.MESSAGE, "body")
