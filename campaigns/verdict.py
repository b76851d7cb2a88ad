"""The sentence that the health page begins with: is everything being sent, and what is to be done.

The first rule that fits speaks; they go from what stops everything to what is only slow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from campaigns import epochs, overview, pace
from campaigns.checkups import Checkup
from campaigns.vitals import Standing, Vitals

# A stop after a restore is what matters most for so long.
STOPPED_FOR = timedelta(days=1)


@dataclass(frozen=True)
class Verdict:
    """`lead` is what matters, `rest` why, and what there is to do. `kind`: ok, warn or bad."""

    kind: str
    lead: str
    rest: str


def verdict(
    vitals: Vitals, copy: epochs.Standing, checkups: Sequence[Checkup], zone: ZoneInfo
) -> Verdict:
    """The one sentence or two, for people."""
    return (
        halted(vitals)
        or copied(vitals, copy)
        or stalled(vitals)
        or services(vitals, checkups, zone)
        or behind(vitals)
        or well(vitals, checkups)
    )


def halted(vitals: Vitals) -> Verdict | None:
    """Nothing can go out at all, or nothing new."""
    if vitals.workers is None:
        why = _("It goes on by itself when Redis is back, and nobody is lost. Start Redis.")
        return Verdict("bad", _("Nothing is being sent: the queue doesn’t answer."), why)
    if not vitals.workers:
        why = _("Start one: “python manage.py up --only worker”. Nobody is lost meanwhile.")
        return Verdict("bad", _("Nothing is being sent: no worker is running."), why)
    if vitals.beat is None:
        why = _("Start it: “python manage.py up --only ticker”. Nobody is lost meanwhile.")
        return Verdict("bad", _("Nothing starts at its time: the ticker is silent."), why)
    return None


def copied(vitals: Vitals, copy: epochs.Standing) -> Verdict | None:
    if copy.stopped and copy.stopped_at and copy.stopped_at > vitals.now - STOPPED_FOR:
        lead = ngettext(
            "%(count)d campaign was stopped: the database was restored or copied.",
            "%(count)d campaigns were stopped: the database was restored or copied.",
            copy.stopped,
        ) % {"count": copy.stopped}
        return Verdict("warn", lead, _("Check what went out already, then resume or schedule."))
    return None


def stalled(vitals: Vitals) -> Verdict | None:
    if not vitals.stalls:
        return None
    lead = ngettext(
        "%(count)d campaign does not move.",
        "%(count)d campaigns do not move.",
        len(vitals.stalls),
    ) % {"count": len(vitals.stalls)}
    return Verdict("bad", lead, vitals.stalls[0].sentence)


def services(vitals: Vitals, checkups: Sequence[Checkup], zone: ZoneInfo) -> Verdict | None:
    """A push service that is slow, asks to wait or is silent slows no other."""
    troubled = [one for one in vitals.services if one.state != "answering"]
    order = {"silent": 0, "waits": 1, "slow": 2}
    troubled.sort(key=lambda one: order[one.state])
    if not troubled:
        return None
    worst = troubled[0]
    lead = _("Everything is being sent.")
    if worst.state == "silent":
        lead = _("Everything else is being sent.")
    rest = " ".join([*(words(one, zone) for one in troubled[:2]), to_do(checkups)])
    return Verdict("warn" if worst.state == "silent" else "ok", lead, rest)


def words(one: Standing, zone: ZoneInfo) -> str:
    """What is wrong with a push service, in a sentence."""
    name, time = one.service.name, pace.milliseconds(one.median)
    if one.state == "silent":
        return _("%(name)s has not answered for 15 minutes; what it has not taken waits.") % {
            "name": name
        }
    if one.state == "waits":
        return _("%(name)s asks us to slow down, so those messages take longer.") % {"name": name}
    if not one.times:
        p95 = one.service.p95
        return _("%(name)s answers slowly: one in twenty waits longer than %(time)s.") % {
            "name": name,
            "time": p95,
        }
    if one.since:
        return _(
            "%(name)s answers %(times)d times slower than usual since %(since)s, "
            "so those messages take about %(time)s."
        ) % {
            "name": name,
            "times": one.times,
            "since": f"{one.since.astimezone(zone):%H:%M}",
            "time": time,
        }
    return _(
        "%(name)s answers %(times)d times slower than usual, so those messages take about %(time)s."
    ) % {"name": name, "times": one.times, "time": time}


def behind(vitals: Vitals) -> Verdict | None:
    """A batch waits: for a worker that is busy, or though one is free."""
    if vitals.queues.oldest <= overview.SLOW_SECONDS:
        return None
    waited = {"time": pace.took(vitals.queues.oldest)}
    if vitals.idle:
        rest = _("The oldest batch has waited %(time)s though a worker is idle: look at its log.")
        return Verdict("warn", _("Sending is behind."), rest % waited)
    lead = _("Everything is being sent, but there is more than the workers can take.")
    rest = _("The oldest batch has waited %(time)s. More workers would be faster.")
    return Verdict("ok", lead, rest % waited)


def well(vitals: Vitals, checkups: Sequence[Checkup]) -> Verdict:
    """All is well, but for what a check below may say."""
    kind = "bad" if any(one.state == "bad" for one in checkups) else "ok"
    if vitals.sending:
        rate = f"{pace.rate(vitals.rate).capitalize()}. " if vitals.rate else ""
        return Verdict(kind, _("Everything is being sent."), rate + to_do(checkups))
    if vitals.ever:
        lead = _("Everything is ready, and nothing waits to be sent.")
        return Verdict(kind, lead, to_do(checkups))
    rest = _("Nothing has been sent yet. What is sent shows here, minute by minute.")
    return Verdict(kind, _("Everything is ready."), rest)


def to_do(checkups: Sequence[Checkup]) -> str:
    """What there is to do for a person: the checks that are not in order, if any."""
    found = [one for one in checkups if one.state != "done"]
    if not found:
        return _("Nothing for you to do.")
    found.sort(key=lambda one: one.state)  # bad before warn
    return ngettext(
        "%(count)d check below needs a look: %(title)s.",
        "%(count)d checks below need a look, %(title)s first.",
        len(found),
    ) % {"count": len(found), "title": found[0].title}
