"""What a run's report says when Firebase or Apple stopped it."""

from __future__ import annotations

import json

import pytest

from campaigns import answers, planning, reasons, starting, trials
from campaigns.models import Delivery, Run, Trial
from demo.appservice.apns import REASONS
from subscribers.transports.classify import classify
from subscribers.transports.messages import OutcomeKind, Service
from tests.factories import make_app, make_campaign, make_site

pytestmark = pytest.mark.django_db

FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"


# Beckon sends with keys, never with certificates.
CERTIFICATES = {"BadCertificate", "BadCertificateEnvironment"}
STATES = {
    OutcomeKind.REFUSED: Delivery.State.REFUSED,
    OutcomeKind.CONFIG: Delivery.State.REFUSED,
    OutcomeKind.GONE: Delivery.State.GONE,
    OutcomeKind.RETRY: Delivery.State.PLANNED,
    OutcomeKind.UNKNOWN: Delivery.State.UNKNOWN,
}


@pytest.mark.parametrize("name", sorted(set(REASONS) - CERTIFICATES))
def test_each_of_apples_published_reasons_has_words(name: str) -> None:
    status, body = REASONS[name], json.dumps({"reason": name}).encode()
    outcome = classify(Service.APNS, status, {}, body)
    said = reasons.words(STATES[outcome.kind], outcome.reason, status)
    assert said.startswith(f"{status}: ")
    assert not {"_", "“", "("} & set(said)


def test_their_names() -> None:
    origins = ["fcm://shop-1", "apns://com.shop.app", "apns+sandbox://com.shop.app"]
    names = [answers.service_name(origin) for origin in origins]
    assert names == ["Firebase (apps)", "Apple (apps)", "Apple sandbox (apps)"]
    assert all(name in answers.BROWSERS for name in names)


@pytest.fixture
def run() -> Run:
    device = make_app(make_site())
    run = starting.start(make_campaign(device.site))
    planning.plan(run.pk)
    return run


def firebase(message: str, error_code: str = "") -> bytes:
    details = [{"@type": FCM_ERROR, "errorCode": error_code}] if error_code else []
    return json.dumps({"error": {"message": message, "details": details}}).encode()


def stop(run: Run, status: int, body: bytes) -> tuple[answers.Stop, str]:
    """The report's panel and the run's own sentence, after one answer of Firebase."""
    noted = trials.Answers()
    noted.add(classify(Service.FCM_APPS, status, {}, body))
    trial = Trial.objects.create(
        run=run,
        credential=run.campaign.site.credentials.get(channel="fcm"),
        origin="fcm://shop-app",
        state=Trial.State.TRIPPED,
        answered=noted.answered,
        gone=noted.gone,
        samples=noted.samples,
    )
    (found,) = answers.stops(run)
    return found, trials.sentence(trial)


@pytest.mark.parametrize(
    ("status", "body", "advice"),
    [
        (404, firebase("Requested entity was not found."), "the project"),
        (403, firebase("SenderId mismatch", "SENDER_ID_MISMATCH"), "another Firebase project"),
        (401, firebase("Auth error from APNS", "THIRD_PARTY_AUTH_ERROR"), "key for Apple"),
    ],
    ids=["not-found", "mismatch", "third-party"],
)
def test_a_refused_key_is_named_with_what_to_do(
    run: Run, status: int, body: bytes, advice: str
) -> None:
    """Also by a 404, which of browsers means that they are gone."""
    found, sentence = stop(run, status, body)
    assert (found.refused, found.key, found.service) == (True, "shop-app", "Firebase (apps)")
    assert advice in found.advice
    assert sentence.startswith("Firebase (apps) refuses our key")
    said = json.loads(body)["error"]["message"]
    assert found.answers == [f"{status}: {said}"]


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, firebase("", "UNREGISTERED")),
        (
            400,
            firebase(
                "The registration token is not a valid FCM registration token", "INVALID_ARGUMENT"
            ),
        ),
    ],
    ids=["unregistered", "bad-token"],
)
def test_devices_that_are_gone_refuse_no_key(run: Run, status: int, body: bytes) -> None:
    found, sentence = stop(run, status, body)
    assert (found.refused, found.gone, found.advice) == (False, 1, "")
    assert sentence == "1 of the first 1 devices at Firebase (apps) are gone. Can it be?"
