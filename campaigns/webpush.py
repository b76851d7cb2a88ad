"""The sender of a worker process: our ledger's requests through the web push transport."""

from __future__ import annotations

from functools import cache

from django.conf import settings

from subscribers.transports.client import PushClient
from subscribers.transports.endpoints import EndpointRefused
from subscribers.transports.keys import BadKey, VapidSigner
from subscribers.transports.messages import DeliveryRequest, Outcome, OutcomeKind
from subscribers.transports.webpush import BadMessage, request_for


class WebPushSender:
    """Encrypts, signs and sends. Tokens are cached per (key, origin), connections per process."""

    def __init__(self, client: PushClient, signer: VapidSigner) -> None:
        self.client = client
        self.signer = signer
        self._refused: list[tuple[int, Outcome]] = []

    @staticmethod
    @cache
    def of_process() -> WebPushSender:
        return WebPushSender(PushClient(most_in_flight=settings.SEND_IN_FLIGHT), VapidSigner())

    def start(self, ticket: int, request: DeliveryRequest, leave_at: float = 0.0) -> None:
        """Encrypt and let it begin. What can't be encoded refuses only itself."""
        try:
            made = request_for(*request, self.signer)
        except EndpointRefused as error:
            self._refuse(ticket, f"endpoint_{error.code}")
        except BadMessage as error:
            self._refuse(ticket, error.code, error.sentence)
        except BadKey as error:
            if error.field in {"p256dh", "auth"}:
                self._refuse(ticket, "not_encodable", error.sentence)
            else:
                unusable = Outcome(
                    OutcomeKind.CONFIG, None, "vapid_unusable", detail=error.sentence
                )
                self._refused.append((ticket, unusable))
        else:
            self.client.start(
                ticket, made, extra_origins=settings.EXTRA_PUSH_ORIGINS, leave_at=leave_at
            )

    def step(self, seconds: float) -> list[tuple[int, Outcome]]:
        """What has ended; waits for at most so long if nothing has."""
        refused, self._refused = self._refused, []
        return refused + self.client.step(0.0 if refused else seconds)

    def withdraw(self) -> list[int]:
        """Take back what has not begun."""
        return self.client.withdraw()

    def _refuse(self, ticket: int, reason: str, detail: str = "") -> None:
        outcome = Outcome(OutcomeKind.REFUSED, None, reason, detail=detail)
        self._refused.append((ticket, outcome))
