"""Each transport with its stand-in in a thread, for the engine as it sends in this process.

What is not ours is real as far as it can be: TLS, HTTP/2, connections that break, and a log of what
was accepted that knows nothing of the ledger.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils import timezone

from accounts.models import Site
from campaigns import finishing, leases, planning, starting
from campaigns.models import Batch, Campaign, Delivery, Gate, Run
from campaigns.pushing import PushSender
from campaigns.sending import Sender, Turn
from demo.appservice.run import running as apps_running
from demo.pushservice.run import running as web_running
from subscribers.models import Channel, Credential, Subscription
from subscribers.transports.client import PushClient
from subscribers.transports.keys import VapidSigner
from tests.chaos.checker import FINAL, Evidence, Violation, check
from tests.chaos.population import address, connect, decode, encode
from tests.chaos.pushing import AppService, PushService, PushServices, Rule
from tests.factories import make_app, make_subscription

CHANNELS = (Channel.WEB, Channel.FCM, Channel.APNS)
# A request that has no answer by then has none; long enough for a machine that is busy.
DEADLINE_SECONDS = 3.0
ROUNDS = 40
STILL = (Run.State.FINISHED, Run.State.PAUSED, Run.State.CANCELLED)


@dataclass(frozen=True)
class Stands:
    """The push service of browsers, and the one of apps."""

    web: PushService
    apps: AppService

    def of(self, channel: Channel) -> PushService:
        return self.web if channel == Channel.WEB else self.apps

    def configure(self, to: Any) -> None:
        """Point settings (pytest-django's) at them."""
        found = self.apps.settings()
        for name, value in found.items():
            setattr(to, name, value)
        to.EXTRA_PUSH_ORIGINS = frozenset(PushServices(self.web, self.apps).origins)

    def misbehave(self, channel: Channel, *rules: Rule) -> None:
        """From now on, on this channel alone."""
        about = {} if channel == Channel.WEB else {"service": channel.value}
        self.of(channel).replace([{**about, **rule} for rule in rules])

    def behave(self) -> None:
        for stand in (self.web, self.apps):
            stand.replace([])

    def logged(self) -> tuple[int, int]:
        """How far the logs are."""
        return self.web.accepted(), self.apps.accepted()

    def log(self, since: tuple[int, int]) -> list[str]:
        """Tokens of whom a message was accepted for."""
        return self.web.log(since[0]) + self.apps.log(since[1])

    def add(self, site: Site, channel: Channel, count: int) -> list[Subscription]:
        """Devices that the stand-in knows, and the site's credential if it is the first."""
        if channel == Channel.WEB:
            key = Credential.objects.get(site=site, channel=channel)
            made = self.web.make_devices(encode(bytes(key.public_key)), count)
            return [browser(site, device) for device in made]
        credential = Credential.objects.filter(site=site, channel=channel).first()
        credential = credential or connect(site, channel, self.apps.keys())
        return [
            make_app(site, channel, credential=credential, endpoint=address(channel, device))
            for device in self.apps.make_phones(channel.value, count)
        ]


@contextlib.contextmanager
def standing(folder: Path) -> Iterator[Stands]:
    """Both, until the block ends. Commands go over HTTP."""
    web, apps = folder / "web", folder / "apps"
    with web_running(web) as browsers, apps_running(apps) as phones:
        yield Stands(PushService(browsers.origin, web), AppService(phones.origin, apps))


@contextlib.contextmanager
def sending(ca_file: str | None) -> Iterator[PushSender]:
    """A sender of our own, whose requests time out soon. None: it trusts what the system does."""
    client = PushClient(
        timeout=DEADLINE_SECONDS,
        connect_timeout=DEADLINE_SECONDS,
        most_in_flight=settings.SEND_IN_FLIGHT,
        ca_file=ca_file,
    )
    yield PushSender(client, VapidSigner())
    client.close()


def browser(site: Site, device: dict[str, Any]) -> Subscription:
    keys = {name: decode(value) for name, value in device["keys"].items()}
    return make_subscription(site, endpoint=device["endpoint"], **keys)


# Runs


def begin(campaign: Campaign) -> Run:
    run = starting.start(campaign)
    planning.plan(run.pk)
    return run


def turn(run: Run, sender: Sender) -> None:
    """Send what is due, as one job does."""
    if (batch := leases.next_due()) is not None:
        Turn(sender, onward=leases.next_due).run(batch)
    finishing.finish_settled()
    run.refresh_from_db()


def settle(run: Run, sender: Sender) -> None:
    """Until it has ended or was paused, waiting for nothing that only takes time."""
    for _round in range(ROUNDS):
        turn(run, sender)
        if run.state in STILL:
            return
        let_time_pass(run)
    raise AssertionError(f"after {ROUNDS} rounds it is {run.state}: {reasons(run)}")


def let_time_pass(run: Run) -> None:
    """Until whatever waits is due, also at services that limited us."""
    Gate.objects.all().delete()
    waiting = Delivery.objects.filter(run_id=run.pk, state=Delivery.State.PLANNED)
    waiting.exclude(not_before=None).update(not_before=timezone.now())
    Batch.objects.filter(run=run).update(due_at=timezone.now())


def states(run: Run) -> dict[str, int]:
    """How many are in which state, by its name."""
    found: dict[str, int] = {}
    for state in Delivery.objects.filter(run_id=run.pk).values_list("state", flat=True):
        name = Delivery.State(state).name.lower()
        found[name] = found.get(name, 0) + 1
    return found


def reasons(run: Run) -> set[str]:
    rows = Delivery.objects.filter(run_id=run.pk).exclude(state=Delivery.State.ACCEPTED)
    return set(rows.values_list("reason", flat=True))


def token_of(device: Subscription) -> str:
    """Its name at the push service."""
    return device.endpoint.rpartition("/")[2]


def violations(
    stands: Stands, run: Run, since: tuple[int, int], *, bound: int = 0, lost: int = 0
) -> list[Violation]:
    """What is wrong (I1 to I5) with a run that has ended."""
    devices = Subscription.objects.filter(site=run.campaign.site_id)
    tokens = {device.pk: token_of(device) for device in devices}
    rows = Delivery.objects.filter(run_id=run.pk).values_list("subscription_id", "state")
    counts = dict.fromkeys(("audience", "pending", *FINAL), 0)
    for batch in Batch.objects.filter(run=run).values(*counts):
        for name, number in batch.items():
            counts[name] += number
    return check(
        Evidence(
            audience=frozenset(tokens.values()),
            ledger=tuple((tokens[pk], Delivery.State(state).name.lower()) for pk, state in rows),
            counts=counts,
            log=tuple(stands.log(since)),
            bound=bound,
            lost=lost,
        )
    )
