"""What the pages draw: figures as the data of components/chart.html, with the finding in words."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.bars import LABELS
from accounts.templatetags.beckon import number
from campaigns.overview import Reach
from campaigns.progress import Batches, Step
from campaigns.reports import OUTCOMES, Timeline


def filters() -> list[tuple[str, str]]:
    """What the ledger can be filtered by, in the order of the report."""
    reported = [
        ("displayed", _("Displayed")),
        ("clicked", _("Clicked")),
        ("dismissed", _("Dismissed")),
    ]
    return [*((name, str(LABELS[name])) for name in OUTCOMES), *reported]


# A step of a batch: (icon, words in the singular, in the plural).
STEPS = {
    Step.DONE: "circle-check",
    Step.SENDING: "send",
    Step.READY: "list",
    Step.WAITING: "hourglass",
    Step.QUIET: "unplug",
    Step.PARKED: "octagon-x",
}


def steps(found: Batches) -> list[dict[str, Any]]:
    """Where the batches are, in the order in which a batch goes through it; only what occurs."""
    words = {
        Step.DONE: _("done"),
        Step.SENDING: _("being sent now"),
        Step.READY: _("next in line"),
        Step.WAITING: _("waiting"),
        Step.QUIET: _("without a sign of their sender"),
        Step.PARKED: _("parked"),
    }
    return [
        {"step": step, "icon": icon, "count": found.counts[step], "words": words[step]}
        for step, icon in STEPS.items()
        if found.counts[step]
    ]


def minutes(line: Timeline, zone: ZoneInfo) -> dict[str, Any]:
    """Accepted and displayed on one chart, clicks below on the same x: they are far fewer."""
    start = line.start.astimezone(zone)
    count = len(line.accepted)
    labels = [f"{start + timedelta(minutes=line.step * at):%H:%M}" for at in range(count)]
    shown = {"x": _("Time"), "labels": labels}
    return {
        "title": step_words(line.step),
        "empty": not any([*line.accepted, *line.displayed, *line.clicked]),
        "sent": shown
        | {
            "type": "line" if count > 1 else "bars",
            "series": [
                {
                    "label": _("Accepted"),
                    "values": line.accepted,
                    "colour": "c1",
                    "fill": True,
                },
                {"label": _("Displayed"), "values": line.displayed, "colour": "c3"},
            ],
        },
        "clicks": shown
        | {
            "type": "bars",
            "series": [{"label": _("Clicked"), "values": line.clicked, "colour": "c2"}],
            "low": True,
            "axis": False,
        },
        "sent_label": _("At most %(count)s accepted in one step, %(steps)d steps from %(start)s.")
        % {"count": number(max(line.accepted)), "steps": count, "start": labels[0]},
        "clicks_label": _("At most %(count)s clicks in one step.")
        % {"count": number(max(line.clicked))},
    }


def no_minutes() -> dict[str, Any]:
    """The same for a campaign that has not started."""
    return {"title": step_words(1), "empty": True}


def step_words(step: int) -> str:
    """ "Minute by minute", "Every 5 minutes"."""
    if step == 1:
        return _("Minute by minute")
    return ngettext("Every %(count)d minute", "Every %(count)d minutes", step) % {"count": step}


def reach(found: Reach) -> dict[str, Any]:
    """Devices by day, with gains and losses below on the same x."""
    labels = [date_format(day, "j M") for day in found.days]
    shown = {"x": _("Day"), "labels": labels}
    return {
        "line": shown
        | {
            "type": "line",
            "series": [
                {"label": _("Devices"), "values": found.by_day, "colour": "c1", "fill": True}
            ],
            "from": "auto" if min(found.by_day) > max(found.by_day) / 2 else "zero",
        },
        "bars": shown
        | {
            "type": "bars",
            "series": [
                {"label": _("Gained"), "values": found.gained, "colour": "c3"},
                {"label": _("Lost"), "values": found.lost, "colour": "c2", "down": True},
            ],
            "axis": False,
            "low": True,
        },
        "line_label": _("From %(first)s devices on %(from)s to %(last)s on %(to)s.")
        % {
            "first": number(found.by_day[0]),
            "from": labels[0],
            "last": number(found.by_day[-1]),
            "to": labels[-1],
        },
        "bars_label": _("%(gained)s devices gained and %(lost)s lost.")
        % {"gained": number(found.all_gained), "lost": number(found.all_lost)},
    }
