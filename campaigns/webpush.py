"""The sender of a worker process: our ledger's requests through the web push transport."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from django.conf import settings

from subscribers.transports.client import PushClient
from subscribers.transports.endpoints import EndpointRefused
from subscribers.transports.keys import BadKey, VapidSigner
from subscribers.transports.messages import DeliveryRequest, Outcome, OutcomeKind, Request
from subscribers.transports.webpush import BadMessage, request_for


class WebPushSender:
    """Encrypts, signs and sends. Tokens are cached per (key, origin), connections per process."""

    def __init__(self, client: PushClient, signer: VapidSigner) -> None:
        self.client = client
        self.signer = signer

    @staticmethod
    @cache
    def of_process() -> WebPushSender:
        return WebPushSender(PushClient(), VapidSigner())

    def send(self, requests: Sequence[DeliveryRequest]) -> list[Outcome]:
        """One outcome per request, in order. A row that can't be encoded refuses only itself."""
        made = [self._request(request) for request in requests]
        answers = iter(
            self.client.send_many(
                [one for one in made if isinstance(one, Request)],
                extra_origins=settings.EXTRA_PUSH_ORIGINS,
            )
        )
        return [one if isinstance(one, Outcome) else next(answers) for one in made]

    def _request(self, request: DeliveryRequest) -> Request | Outcome:
        try:
            return request_for(*request, self.signer)
        except EndpointRefused as error:
            return Outcome(OutcomeKind.REFUSED, None, f"endpoint_{error.code}")
        except BadMessage as error:
            return Outcome(OutcomeKind.REFUSED, None, error.code, detail=error.sentence)
        except BadKey as error:
            if error.field in {"p256dh", "auth"}:
                return Outcome(OutcomeKind.REFUSED, None, "not_encodable", detail=error.sentence)
            return Outcome(OutcomeKind.CONFIG, None, "vapid_unusable", detail=error.sentence)
