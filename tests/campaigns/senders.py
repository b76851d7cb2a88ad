"""The network of the engine's tests: what a push service would answer, and what it was asked."""

from collections.abc import Callable

from subscribers.transports.messages import DeliveryRequest, Endpoint, Outcome, OutcomeKind

ACCEPTED = Outcome(OutcomeKind.ACCEPTED, 201, "201", message_location="https://push.example/m/1")
GONE = Outcome(OutcomeKind.GONE, 410, "410")
REFUSED = Outcome(OutcomeKind.REFUSED, 413, "payload_too_large")
CONFIG = Outcome(OutcomeKind.CONFIG, 403, "vapid_rejected", detail="wrong key")
UNKNOWN = Outcome(OutcomeKind.UNKNOWN, None, "timeout_after_request")
BUSY = Outcome(OutcomeKind.RETRY, 429, "429", retry_after=60.0)
LATER = Outcome(OutcomeKind.RETRY, None, "connect")


def address_of(request: DeliveryRequest) -> str:
    """What its device is known by on the ledger."""
    endpoint = request[0]
    return endpoint.url if isinstance(endpoint, Endpoint) else str(endpoint.address)


class FakeService:
    """Answers by endpoint, else with 201; `log` is what a push service would have seen.

    What was started leaves with the next step, all together.
    """

    def __init__(self, **answers: Outcome) -> None:
        self.answers = answers
        self.started: dict[int, DeliveryRequest] = {}
        self.log: list[str] = []
        self.windows: list[int] = []
        self.topics: list[str] = []
        self.payloads: list[bytes] = []
        self.before: Callable[[], None] | None = None

    def start(self, ticket: int, request: DeliveryRequest, leave_at: float = 0.0) -> None:
        self.started[ticket] = request

    def step(self, seconds: float) -> list[tuple[int, Outcome]]:
        leaving, self.started = self.started, {}
        if leaving and self.before:
            self.before()
        if leaving:
            self.windows.append(len(leaving))
        return [(ticket, self.answer(request)) for ticket, request in leaving.items()]

    def withdraw(self) -> list[int]:
        taken, self.started = list(self.started), {}
        return taken

    def answer(self, request: DeliveryRequest) -> Outcome:
        _endpoint, message = request
        address = address_of(request)
        self.log.append(address)
        self.topics.append(message.topic)
        self.payloads.append(message.payload)
        return self.answers.get(address.rsplit("/", 1)[-1], ACCEPTED)
