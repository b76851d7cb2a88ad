"""What push services answered to a run, as its report says it: sums, speed, and who trips it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Q
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns import entries, pace, tallies, trials
from campaigns.models import Delivery, Gate, Run, Trial
from campaigns.reports import Sums
from campaigns.tallies import Tally
from subscribers import vapid
from subscribers.models import Credential, service_of

# An answer that one in twenty waits for longer than this is worth a look.
SLOW_MS = 1_500
# What the equation counts too, so that the table's sum is the equation's.
COUNTED = ("accepted", "refused", "gone", "unknown")

BROWSERS: dict[str, Promise] = {
    "Google FCM": gettext_lazy("Chrome, Edge, Samsung, Opera"),
    "Mozilla": gettext_lazy("Firefox"),
    "Apple": gettext_lazy("Safari"),
    "Windows": gettext_lazy("Edge on Windows"),
    "Firebase (apps)": gettext_lazy("apps on Android and iOS"),
    "Apple (apps)": gettext_lazy("apps on iPhone, iPad and Mac"),
    "Apple sandbox (apps)": gettext_lazy("apps built for development"),
}


@dataclass
class Service:
    """What became of a run's requests to one push service.

    `waits`: it asked us to come later. `closed_until`: it asks all of us to wait now; `rate`: what
    it lets through now, in requests a second of one sender.
    """

    name: str
    note: str = ""
    accepted: int = 0
    refused: int = 0
    gone: int = 0
    unknown: int = 0
    waits: int | None = 0
    bins: list[int] = field(default_factory=lambda: [0] * tallies.BINS)
    closed_until: datetime | None = None
    rate: float | None = None

    def add(self, tally: Tally) -> None:
        for name in COUNTED:
            setattr(self, name, getattr(self, name) + tally[name])
        self.waits = (self.waits or 0) + tally["waits"]
        self.bins = [a + b for a, b in zip(self.bins, tally["ms"], strict=True)]

    @property
    def median(self) -> str:
        return self._latency(0.5)

    @property
    def p95(self) -> str:
        """What 95 of 100 answers were faster than."""
        return self._latency(0.95)

    @property
    def slow(self) -> bool:
        return (tallies.quantile(self.bins, 0.95) or 0) > SLOW_MS

    @property
    def limits(self) -> str:
        """ "held to 120 a second"; empty where nothing limits us."""
        return _("held to %(rate)s") % {"rate": pace.rate(self.rate)} if self.rate else ""

    def _latency(self, share: float) -> str:
        return pace.milliseconds(tallies.quantile(self.bins, share), most=tallies.BOUNDS_MS[-1])


def services(sums: Sums, now: datetime | None = None) -> list[Service]:
    """Answers by push service, the largest first, and what no service can be named for.

    They always add up to the counts of the same sums. With `now`: also what limits us at present.
    """
    named: dict[str, Service] = {}
    origins: dict[str, Service] = {}
    for origin, tally in sums.answers.items():
        name = service_name(origin)
        note = str(BROWSERS.get(name, ""))
        origins[origin] = named.setdefault(name, Service(name, note))
        origins[origin].add(tally)
    if now:
        _limits(origins, now)
    listed = sorted(named.values(), key=lambda one: (-one.accepted, one.name))
    return [*listed, *_unnamed(listed, sums)]


def _limits(services: Mapping[str, Service], now: datetime) -> None:
    """Note which push services let us go only so fast."""
    gates = Gate.objects.filter(Q(rate__isnull=False) | Q(closed_until__gt=now))
    for gate in gates.filter(origin__in=list(services)):
        service = services[gate.origin]
        if gate.closed_until and gate.closed_until > now:
            service.closed_until = max(gate.closed_until, service.closed_until or now)
        if gate.rate:
            service.rate = min(gate.rate, service.rate or gate.rate)


def _unnamed(listed: Sequence[Service], sums: Sums) -> list[Service]:
    """What the counts have beyond the answers: resent, of dead senders, from before we noted."""
    whole = together(listed)
    rest = {name: sums.counts[name] - getattr(whole, name) for name in COUNTED}
    found = []
    rest["unknown"] += sums.resent
    if any(rest.values()):
        stopped = not (rest["accepted"] or rest["refused"] or rest["gone"])
        if stopped:
            name, note = _("A sender stopped"), _("before it could say what was answered")
        else:
            name, note = _("Not noted by service"), _("sent before Beckon did so")
        found.append(Service(name, note, **rest, waits=None))
    if sums.resent:
        note = _("unknown no more: counted as what came of it")
        found.append(Service(_("Sent again"), note, unknown=-sums.resent, waits=None))
    return found


def service_name(origin: str) -> str:
    """What people call the service of an origin."""
    name = service_of(origin)
    return _("Sandbox on this machine") if name in {"127.0.0.1", "localhost", "::1"} else name


def together(found: Iterable[Service]) -> Service:
    """The sum of services."""
    whole = Service("")
    for one in found:
        for name in (*COUNTED, "waits"):
            setattr(whole, name, getattr(whole, name) + (getattr(one, name) or 0))
    return whole


@dataclass(frozen=True)
class Stop:
    """Why the circuit breaker stopped a run: a trial that tripped, in words.

    `key`: enough of a public key to tell it by, or the project or team of an app's. `refused`: the
    service refuses our key, and waiting won't help. `answers`: samples as they came.
    """

    service: str
    origin: str
    key: str
    refused: bool
    answered: int
    gone: int
    answers: list[str]
    advice: str


def stops(run: Run) -> list[Stop]:
    """What a person has to decide about before a run may go on."""
    tripped = run.trials.filter(state=Trial.State.TRIPPED).select_related("credential")
    return [_stop(trial) for trial in tripped.order_by("pk")]


def _stop(trial: Trial) -> Stop:
    refusal = next(filter(trials.is_refusal, trial.samples), None)
    return Stop(
        service=service_name(trial.origin),
        origin=trial.origin,
        key=_key(trial.credential),
        refused=refusal is not None,
        answered=trial.answered,
        gone=trial.gone,
        answers=[_answer(one) for one in trial.samples],
        advice=vapid.advice(refusal["reason"], refusal["detail"]) if refusal else "",
    )


def _key(credential: Credential) -> str:
    if credential.name:
        return credential.name
    public = vapid.public_text(credential)
    return f"{public[:8]}…{public[-6:]}"


def _answer(sample: Mapping[str, Any]) -> str:
    """ "403: the key in the Authorization header does not match"."""
    refused = trials.is_refusal(sample)
    state = Delivery.State.REFUSED if refused else Delivery.State.GONE
    said = sample["detail"] or entries.reason_words(state, sample["reason"])
    return f"{sample['status']}: {said}" if sample["status"] and sample["detail"] else str(said)
