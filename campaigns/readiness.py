"""Whether a campaign can go out as it stands, and what each of its steps has come to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _

from audiences import counting, references, rules
from audiences.counting import Reach
from audiences.platforms import Platforms
from audiences.rules import Rule
from campaigns import content, moments, payload, policies, rates, series
from campaigns.drafting import CONTENT, message_of
from campaigns.models import Campaign, Message

# An audience that has grown or shrunk by more than this share is another one.
DRIFT = 0.05
# What a person may type differently than the site is written.
SIGNS = re.compile(r"[\s.,'’\u00a0\u202f]")


class Step(StrEnum):
    MESSAGE = "message"
    AUDIENCE = "audience"
    SCHEDULE = "schedule"
    REVIEW = "review"


@dataclass(frozen=True)
class Problem:
    """Why it can't go out: in which step, beside which field, and what to do."""

    step: Step
    field: str
    sentence: str


class Standing:
    """A campaign's message, audience and time, each read once and only when asked for.

    With a rule: as if that were its audience.
    """

    def __init__(self, campaign: Campaign, rule: Rule | None = None) -> None:
        self.campaign = campaign
        self._rule = rule

    @cached_property
    def message(self) -> Message:
        return message_of(self.campaign)

    @cached_property
    def rule(self) -> Rule:
        return rules.parse(self.campaign.audience.rule) if self._rule is None else self._rule

    @cached_property
    def reach(self) -> Reach:
        return self.counted or Reach()

    @cached_property
    def counted(self) -> Reach | None:
        """The reach, or an estimate of it; None when not even that was done in time."""
        try:
            return counting.count(self.campaign.site, self.rule)
        except counting.TooLong:
            return None

    @property
    def estimated(self) -> bool:
        return self.reach.estimated

    @property
    def people(self) -> int:
        return self.reach.people

    @property
    def devices(self) -> int:
        return self.reach.devices

    @property
    def platforms(self) -> Platforms:
        return self.reach.platforms

    @cached_property
    def size(self) -> int:
        return payload.size(self.message, self.campaign.site)

    @property
    def due(self) -> datetime | None:
        """When it is meant to go out; None: as soon as somebody says so."""
        return self.campaign.scheduled_for

    @property
    def passed(self) -> bool:
        """Whether nobody's clock is still to show the time, or no occurrence is to come."""
        now, wall = timezone.now(), moments.wall_of(self.campaign)
        if wall is None:
            return False
        if self.campaign.recurrence:
            return series.next_of(self.campaign, now) is None
        return moments.last(self.campaign, wall) <= now

    @property
    def speed(self) -> str:
        """What the limit of messages a minute means for this audience; "" without a limit."""
        rate = rates.limit_of(self.campaign)
        return rates.explained(self.devices, rate) if rate else ""

    @cached_property
    def is_large(self) -> bool:
        """Whether the site's name is typed before it goes out. What can't be counted is large."""
        return self.counted is None or self.devices > policies.of(self.campaign.site).type_over

    @cached_property
    def problems(self) -> list[Problem]:
        return [*self._in_message(), *self._in_audience(), *self._in_schedule()]

    def problems_of(self, step: Step) -> list[Problem]:
        return [problem for problem in self.problems if problem.step is step]

    def _in_message(self) -> list[Problem]:
        found = []
        if not self.message.title:
            found.append(Problem(Step.MESSAGE, "title", _("The message has no title.")))
        if not self.message.url:
            found.append(Problem(Step.MESSAGE, "url", _("The message opens no address.")))
        if self.size > settings.PAYLOAD_LIMIT:
            sentence = _("The notification is too large: %(size)d bytes of %(limit)d.")
            sentence %= {"size": self.size, "limit": settings.PAYLOAD_LIMIT}
            found.append(Problem(Step.MESSAGE, "body", sentence))
        return [*found, *self._unreadable()]

    def _unreadable(self) -> Iterator[Problem]:
        """What was right when it was saved and is not by now: an attribute that is gone, say."""
        fields = {name: getattr(self.message, name) for name in CONTENT}
        try:
            content.checked(fields)
        except ValidationError as error:
            for field, sentences in error.message_dict.items():
                yield Problem(Step.MESSAGE, field, " ".join(sentences))

    def _in_audience(self) -> list[Problem]:
        try:
            references.check(self.rule, self.campaign.site)
        except rules.RuleError as error:
            return [Problem(Step.AUDIENCE, "who", error.sentence)]
        # Nobody among some of the people is not nobody.
        if self.devices or self.estimated:
            return []
        if self.counted is None:
            sentence = _("Counting takes too long just now. Try again, or simplify the conditions.")
            return [Problem(Step.AUDIENCE, "who", sentence)]
        sentence = (
            _("Nobody matches these conditions now.")
            if not self.rule.everyone
            else _("Nobody has given permission on this site yet.")
        )
        return [Problem(Step.AUDIENCE, "who", sentence)]

    def _in_schedule(self) -> list[Problem]:
        found = []
        if self.passed:
            found.append(Problem(Step.SCHEDULE, "wall", _("The time that was set has passed.")))
        campaign = self.campaign
        differs = campaign.quiet != Campaign.Quiet.SITE or campaign.caps != Campaign.Caps.SITE
        if differs and not campaign.override_reason:
            sentence = _("It does not do as the site does, and nobody has said why.")
            found.append(Problem(Step.SCHEDULE, "override_reason", sentence))
        return found


def confirms(typed: str, name: str) -> bool:
    """Whether somebody typed a site's name, give or take capitals, spaces and points."""
    return _plain(typed) == _plain(name) and bool(typed.strip())


def _plain(text: str) -> str:
    return SIGNS.sub("", text).lower()
