"""The sender of a worker process: our ledger's requests through the transport of each address."""

from __future__ import annotations

from functools import cache

from django.conf import settings

from subscribers.transports import addresses, apns, fcm, webpush
from subscribers.transports.client import PushClient
from subscribers.transports.endpoints import EndpointRefused
from subscribers.transports.keys import BadKey, VapidSigner
from subscribers.transports.messages import (
    AppEndpoint,
    BadMessage,
    DeliveryRequest,
    Endpoint,
    Message,
    Outcome,
    OutcomeKind,
    Request,
)


class PushSender:
    """Makes requests and sends them. Tokens are cached per (key, origin), connections per process.

    Browsers' messages are encrypted and signed one by one; apps' go out under their key's token.
    """

    def __init__(self, client: PushClient, signer: VapidSigner) -> None:
        self.client = client
        self.signer = signer
        self._refused: list[tuple[int, Outcome]] = []

    @staticmethod
    @cache
    def of_process() -> PushSender:
        client = PushClient(
            most_in_flight=settings.SEND_IN_FLIGHT, ca_file=settings.PUSH_CA_FILE or None
        )
        return PushSender(client, VapidSigner())

    def start(self, ticket: int, request: DeliveryRequest, leave_at: float = 0.0) -> None:
        """Make the request and let it begin. What can't be made refuses only itself."""
        try:
            made = self.made(*request)
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

    def made(self, endpoint: Endpoint | AppEndpoint, message: Message) -> Request:
        """The request by the rules of the endpoint's service; raises as its transport does."""
        if isinstance(endpoint, Endpoint):
            return webpush.request_for(endpoint, message, self.signer)
        if endpoint.address.service == addresses.FCM:
            return fcm.request_for(endpoint, message)
        return apns.request_for(endpoint, message)

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
