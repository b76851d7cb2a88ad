"""One person looked up: what they would read and when, or the first rule that leaves them out."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from django.db.models import Q
from django.utils.translation import gettext as _

from accounts.models import Site
from audiences import bounded, explaining
from audiences.explaining import Explanation
from campaigns import fates
from campaigns.fates import Fate
from campaigns.foretelling import Forecast
from subscribers import emails, people
from subscribers.models import Subscriber, Subscription

MOST_FOUND = 8
PATIENCE_MS = 1_500
ENDLESS = 2**63 - 1
State = Subscription.State


@dataclass(frozen=True)
class Answer:
    """What becomes of a person's devices; and if nothing does, why."""

    person: Subscriber
    fates: list[Fate] = field(default_factory=list)
    why: Explanation | None = None

    @property
    def gets_it(self) -> bool:
        return any(fate.sent for fate in self.fates)

    @property
    def listed(self) -> list[Fate]:
        """Devices to be told one by one: not the only one, where `sentence` says it all."""
        return self.fates if self.gets_it or len(self.fates) > 1 else []

    @property
    def first(self) -> Fate | None:
        """The device that gets it first, else the first one."""
        going = [fate for fate in self.fates if fate.sent]
        return min(going or self.fates, key=_when, default=None)

    @property
    def code(self) -> str:
        """The outcome as the ledger would name it; "not_in_audience", "no_device", "no_consent"."""
        if self.first is not None:
            return self.first.row.code
        devices = self.person.subscriptions.exclude(state=State.INBOX)
        if not devices:
            return "no_device"
        if not any(device.state == State.ACTIVE for device in devices):
            left = any(device.state == State.UNSUBSCRIBED for device in devices)
            return "no_consent" if left else "gone"
        return "not_in_audience"

    @property
    def headline(self) -> str:
        words = _("%(name)s will get it.") if self.gets_it else _("%(name)s will not get it.")
        return words % {"name": self.person.label}

    @property
    def sentence(self) -> str:
        """The first rule that leaves them out; "" for who gets it."""
        if self.first is not None:
            return "" if self.gets_it else self.first.sentence
        if self.code == "no_device":
            return _("They have no device that allowed notifications.")
        if self.code == "no_consent":
            return _("They have left: none of their devices allows notifications any more.")
        if self.code == "gone":
            return _("Their devices are gone, as their push services say.")
        return self.why.sentence if self.why else _("They are not in its audience.")


def _when(fate: Fate) -> float:
    return fate.at.timestamp() if fate.at else float("inf")


def about(forecast: Forecast, person: Subscriber) -> Answer:
    """What a campaign would do for one person of its site. RuleError."""
    rows, _missing = forecast.of(0, ENDLESS, people=[person.pk])
    why = explaining.explain(forecast.campaign.site, forecast.rule, person, forecast.starts_at)
    return Answer(person, fates.of(forecast, rows), why)


def search(site: Site, text: str) -> list[Subscriber]:
    """The people that fit, at most MOST_FOUND: as the list of people finds them, or by their whole
    e-mail address. bounded.TooLong."""
    with bounded.at_most(PATIENCE_MS):
        if "@" in text:
            hashed = Q(email_hash=emails.hash_address(text)) & ~Q(email_hash="")
            by_address = Subscriber.objects.filter(hashed, site=site)
            if found := list(by_address.prefetch_related("subscriptions")[:MOST_FOUND]):
                return found
        return people.page(people.search(site, text=text), None, size=MOST_FOUND).people


def person_of(site: Site, key: UUID) -> Subscriber | None:
    found = Subscriber.objects.filter(site=site, pk=key).prefetch_related("subscriptions")
    return found.first()
