"""The circuit breaker: the first answers of each push service to each of our keys in a run.

A wrong key, a wrong server or a broken push service says "gone" to everybody. More than 5 % gone in
the first 200, or a key that is refused, pauses the run and asks a person, who sees the answers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext as _

from campaigns.models import Run, Trial
from subscribers import vapid
from subscribers.models import service_of
from subscribers.transports.messages import Outcome, OutcomeKind

FIRST = 200
GONE_SHARE = 0.05
SAMPLES = 5

# Whether this run's key was refused is told by its outcome; what counts here are the numbers.
NOTE = """
INSERT INTO campaigns_trial AS t (run_id, credential_id, origin, state, answered, gone, samples)
VALUES (%s, %s, %s, 'open', %s, %s, %s)
ON CONFLICT (run_id, credential_id, origin) DO UPDATE SET
    answered = t.answered + excluded.answered, gone = t.gone + excluded.gone,
    samples = jsonb_path_query_array(excluded.samples || t.samples, '$[0 to 4]')
RETURNING id, state, answered, gone
"""

Pair = tuple[int, str]  # our key, the push service's origin


@dataclass
class Answers:
    """What one pair answered since it was last noted."""

    answered: int = 0
    gone: int = 0
    refusal: Outcome | None = None
    samples: list[dict[str, object]] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        """Count an answer; what is no answer, or only "later", says nothing."""
        silent = outcome.status_code is None and outcome.kind != OutcomeKind.CONFIG
        if silent or outcome.kind == OutcomeKind.RETRY:
            return
        self.answered += 1
        self.gone += outcome.kind == OutcomeKind.GONE
        if outcome.kind == OutcomeKind.CONFIG:
            self.refusal = self.refusal or outcome
        if outcome.kind in (OutcomeKind.GONE, OutcomeKind.CONFIG) and len(self.samples) < SAMPLES:
            self.samples.append(
                {
                    "status": outcome.status_code,
                    "reason": outcome.reason,
                    "detail": outcome.detail,
                }
            )


def is_refusal(sample: Mapping[str, Any]) -> bool:
    """Whether a sample is a refusal of our key, and not a device that is gone."""
    if sample["status"] in (404, 410):
        return sample["reason"] in ("fcm_not_found", "wns_domain_blocked")
    return bool(sample["reason"] != "fcm_bad_token")


def settled(run_id: int) -> set[Pair]:
    """The pairs of a run that need no more counting."""
    decided = Trial.objects.filter(run=run_id).exclude(state=Trial.State.OPEN)
    return set(decided.values_list("credential_id", "origin"))


def confirmed(run_id: int) -> set[Pair]:
    """The pairs of which a person has said that the run may go on."""
    passed = Trial.objects.filter(run=run_id, state=Trial.State.CONFIRMED)
    return set(passed.values_list("credential_id", "origin"))


def answered(run_id: int) -> int:
    """How many answers the run's trials have counted."""
    return sum(Trial.objects.filter(run=run_id).values_list("answered", flat=True))


def tripped(run_id: int) -> str:
    """Why the run may not go on, in words; empty when it may."""
    trial = Trial.objects.filter(run=run_id, state=Trial.State.TRIPPED).order_by("pk").first()
    return sentence(trial) if trial else ""


def note(run: Run, answers: Mapping[Pair, Answers]) -> set[Pair]:
    """Count answers and decide; the pairs that need no more counting. Needs a transaction.

    Always in the order of the pairs, so that two senders never wait for each other.
    """
    decided: set[Pair] = set()
    for pair in sorted(pair for pair in answers if answers[pair].answered):
        new = answers[pair]
        with connection.cursor() as cursor:
            samples = json.dumps(new.samples)
            cursor.execute(NOTE, [run.pk, *pair, new.answered, new.gone, samples])
            trial_id, state, total, gone = cursor.fetchone()
        verdict = decide(state, total, gone, refused=new.refusal is not None)
        if verdict != state:
            trips = verdict == Trial.State.TRIPPED
            Trial.objects.filter(pk=trial_id).update(
                state=verdict, tripped_at=timezone.now() if trips else None
            )
        if verdict != Trial.State.OPEN:
            decided.add(pair)
    return decided


def decide(state: str, total: int, gone: int, *, refused: bool) -> Trial.State:
    """The state of a trial after `total` answers, of which `gone`; `refused`: our key, just now.

    A person's word lets the gone pass, but no key that is refused once more.
    """
    if refused:
        return Trial.State.TRIPPED
    if state != Trial.State.OPEN:
        return Trial.State(state)
    if gone > FIRST * GONE_SHARE and gone > total * GONE_SHARE:
        return Trial.State.TRIPPED
    return Trial.State.PASSED if total >= FIRST else Trial.State.OPEN


def sentence(trial: Trial) -> str:
    """What stopped the run, and what to do: at most 400 characters."""
    service = service_of(trial.origin)
    refusal = next(filter(is_refusal, trial.samples), None)
    if refusal is None:
        words = _("%(gone)d of the first %(answered)d devices at %(service)s are gone. Can it be?")
        return words % {"gone": trial.gone, "answered": trial.answered, "service": service}
    answer = f"{refusal['status'] or refusal['reason']}: {refusal['detail'][:100]}".rstrip(": ")
    words = _("%(service)s refuses our key (%(answer)s). Nobody is lost. %(advice)s")
    advice = vapid.advice(refusal["reason"], refusal["detail"])
    return (words % {"service": service, "answer": answer, "advice": advice})[:400]
