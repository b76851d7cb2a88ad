"""Testing a key for apps with a message that reaches nobody: is it accepted, and if not, why?

Firebase: a message that is only validated (`validate_only`), to a token that nobody has. Apple has
no such thing: a push to a device token of zeros, for each bundle id. That the *token* is refused
says that key, account or team, and app were accepted before.
"""

from __future__ import annotations

import json
from dataclasses import replace

from django.conf import settings
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from subscribers import app_advice, app_tokens
from subscribers.models import Channel, Credential
from subscribers.transports import addresses, apns, fcm
from subscribers.transports.client import PushClient
from subscribers.transports.messages import (
    AppEndpoint,
    AppKey,
    Message,
    Outcome,
    OutcomeKind,
    Request,
    Urgency,
)

SECONDS = 10.0  # for each request; they leave together
# Formed as real ones are, so that nothing but "unknown" can be said of them.
_NO_FCM_TOKEN = "beckon-test-00000000:APA91b" + "0" * 134
_NO_APNS_TOKEN = "00" * 32
_ABOUT_THE_TOKEN = frozenset(
    {
        "fcm_bad_token",
        "fcm_unregistered",
        "fcm_invalid_argument",
        "apns_bad_device_token",
        "apns_unregistered",
    }
)
_UNREACHED: dict[str, Promise] = {
    "dns": _("its name could not be looked up"),
    "tls": _("its certificate could not be checked"),
    "connect_timeout": _("no connection within 5 seconds"),
    "timeout_after_request": _("no answer within 10 seconds"),
    "fcm_origin": _("its address must stand in EXTRA_PUSH_ORIGINS"),
    "apns_origin": _("its address must stand in EXTRA_PUSH_ORIGINS"),
}


def check(credential: Credential) -> str:
    """What is wrong with a key, in words with what to do; "" if it works. Kept as its `problem`.

    Asks Google for a token and the push service for an answer, 20 s at most.
    """
    problem = _problem(credential)[:400]
    now = timezone.now()
    same = Credential.objects.filter(pk=credential.pk, private_key=bytes(credential.private_key))
    if same.update(checked_at=now, problem=problem):
        credential.checked_at, credential.problem = now, problem
    return problem


def _problem(credential: Credential) -> str:
    try:
        app_tokens.renew(credential, anew=True)
    except (app_tokens.TokenRefused, app_tokens.TokenUnavailable) as failure:
        return failure.sentence
    key = app_tokens.key_of(credential)
    if key is None:
        return gettext("There was no token to test with. Test it again.")
    requests = _requests(credential, key)
    for what, outcome in zip(requests, _answers(list(requests.values())), strict=True):
        if sentence := _wrong(what, outcome):
            return sentence
    return ""


def _requests(credential: Credential, key: AppKey) -> dict[str, Request]:
    """By what each is about: the project, or a bundle id."""
    if credential.channel == Channel.FCM:
        address = addresses.parse(addresses.fcm(credential.name, _NO_FCM_TOKEN))
        body = json.dumps({"notification": {"title": "Test"}}, separators=(",", ":"))
        message = Message(body.encode(), ttl=0, urgency=Urgency.NORMAL, topic="")
        made = fcm.request_for(AppEndpoint(address, key), message)
        only_validated = b'{"validate_only":true,' + made.body[1:]
        return {credential.name: replace(made, body=only_validated)}
    message = Message(
        b'{"aps":{"alert":{"title":"Test"}}}', ttl=0, urgency=Urgency.NORMAL, topic=""
    )
    return {
        bundle: apns.request_for(
            AppEndpoint(addresses.parse(addresses.apns(bundle, _NO_APNS_TOKEN)), key), message
        )
        for bundle in credential.details.get("bundle_ids", [])
    }


def _answers(requests: list[Request]) -> list[Outcome]:
    """One for each, in their order."""
    client = PushClient(timeout=SECONDS, ca_file=settings.PUSH_CA_FILE or None)
    try:
        for ticket, request in enumerate(requests):
            client.start(ticket, request, extra_origins=settings.EXTRA_PUSH_ORIGINS)
        ended: dict[int, Outcome] = {}
        while client.pending:
            ended.update(client.step(1.0))
        return [ended[ticket] for ticket in range(len(requests))]
    finally:
        client.close()


def _wrong(what: str, outcome: Outcome) -> str:
    """What an answer says against the key; "" for nothing."""
    if outcome.kind is OutcomeKind.ACCEPTED or outcome.reason in _ABOUT_THE_TOKEN:
        return ""
    if outcome.status_code is None:
        why = _UNREACHED.get(outcome.reason, outcome.reason)
        sentence = gettext("The push service could not be reached: %(why)s.")
        return sentence % {"why": why}
    if outcome.kind in (OutcomeKind.RETRY, OutcomeKind.UNKNOWN) and outcome.reason not in (
        "apns_too_many_provider_token_updates",
    ):
        sentence = gettext("The push service has trouble of its own (%(status)s). Test it later.")
        return sentence % {"status": outcome.status_code}
    return f"{what}: {app_advice.advice(outcome.reason)}"
