"""The network of the engine's tests: what a push service would answer, and what it was asked."""

from collections.abc import Callable, Sequence

from subscribers.transports.messages import DeliveryRequest, Outcome, OutcomeKind

ACCEPTED = Outcome(OutcomeKind.ACCEPTED, 201, "201", message_location="https://push.example/m/1")
GONE = Outcome(OutcomeKind.GONE, 410, "410")
REFUSED = Outcome(OutcomeKind.REFUSED, 413, "payload_too_large")
CONFIG = Outcome(OutcomeKind.CONFIG, 403, "vapid_rejected", detail="wrong key")
UNKNOWN = Outcome(OutcomeKind.UNKNOWN, None, "timeout_after_request")
BUSY = Outcome(OutcomeKind.RETRY, 429, "429", retry_after=60.0)
LATER = Outcome(OutcomeKind.RETRY, None, "connect")


class FakeService:
    """Answers by endpoint, else with 201; `log` is what a push service would have seen."""

    def __init__(self, **answers: Outcome) -> None:
        self.answers = answers
        self.log: list[str] = []
        self.windows: list[int] = []
        self.topics: list[str] = []
        self.payloads: list[bytes] = []
        self.before: Callable[[], None] | None = None

    def send(self, requests: Sequence[DeliveryRequest]) -> list[Outcome]:
        if self.before:
            self.before()
        self.windows.append(len(requests))
        self.log += [endpoint.url for endpoint, _message in requests]
        self.topics += [message.topic for _endpoint, message in requests]
        self.payloads += [message.payload for _endpoint, message in requests]
        return [
            self.answers.get(endpoint.url.rsplit("/", 1)[-1], ACCEPTED)
            for endpoint, _message in requests
        ]
