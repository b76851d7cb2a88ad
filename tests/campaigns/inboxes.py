"""What the tests of the inbox share: who reads it, how they prove it, and what they were sent."""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import jwt
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from accounts.identity import token_secret
from accounts.models import Site
from campaigns.models import Campaign, Delivery, Run
from campaigns.models.ledger import month_of
from campaigns.partitions import ensure
from subscribers.models import Subscription
from tests.factories import make_campaign, make_subscriber, make_subscription

ORIGIN = "https://shop.example"
State = Delivery.State


def identity(site: Site, external_id: str = "kari", **claims: Any) -> str:
    """As the site's server makes it."""
    said = {"sub": external_id, "aud": site.key, "exp": int(time.time()) + 600} | claims
    return jwt.encode(said, token_secret(site), "HS256")


@dataclass
class Visitor:
    """A page of the site on which somebody is signed in."""

    site: Site
    external_id: str = "kari"
    token: str = ""
    origin: str = ORIGIN
    install: str = field(default_factory=lambda: str(uuid.uuid4()))
    client: Client = field(default_factory=Client)

    def ask(self, method: str, path: str = "", body: Any = None, **headers: str) -> HttpResponse:
        token = self.token or identity(self.site, self.external_id)
        given = {"Authorization": f"Bearer {token}", "User-Agent": FIREFOX} | headers
        if self.origin:
            given["Origin"] = self.origin
        where = f"/push/{self.site.key}/inbox/{path}"
        data = b"" if body is None else json.dumps(body)
        answer = self.client.generic(method, where, data, "application/json", headers=given)
        assert isinstance(answer, HttpResponse)
        return answer

    def items(self, query: str = "") -> dict[str, Any]:
        return said(self.ask("GET", query))

    def titles(self, query: str = "") -> list[str]:
        return [item["title"] for item in self.items(query)["items"]]

    def open(self, **changes: Any) -> HttpResponse:
        body = {"install": self.install, "language": "nb-NO", "timezone": "Europe/Oslo"}
        return self.ask("POST", "", body | changes)


FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def said(answer: HttpResponse) -> dict[str, Any]:
    assert answer.status_code == 200, answer.content
    found: dict[str, Any] = json.loads(answer.content)
    return found


def kari(site: Site, **fields: Any) -> Subscription:
    """A browser of somebody whom the site calls so."""
    return make_subscription(site, subscriber=make_subscriber(site, external_id="kari", **fields))


def in_inbox(site: Site, title: str = "Winter layers", **fields: Any) -> Campaign:
    message = {"title": title} | fields.pop("message", {})
    return make_campaign(site, inbox=True, message=message, **fields)


def begun(campaign: Campaign, *, ago: timedelta = timedelta(0), **fields: Any) -> Run:
    """A run of it that began some time ago, with nothing on the ledger."""
    at = timezone.now() - ago
    month = month_of(at)
    ensure(month)
    return Run.objects.create(
        campaign=campaign,
        message=campaign.messages.latest(),
        month=month,
        last_subscription=0,
        started_at=at,
        **fields,
    )


def delivered(
    run: Run, device: Subscription, state: State = State.ACCEPTED, **fields: Any
) -> Delivery:
    """A row of the ledger, sent when its run began."""
    at = {"sent_at": run.started_at, "settled_at": run.started_at, "version": 1}
    row = {"month": run.month, "run_id": run.pk, "subscription_id": device.pk, "state": state}
    return Delivery.objects.create(**(row | at | fields))


def sent(site: Site, device: Subscription, *titles: str, **fields: Any) -> list[Run]:
    """Campaigns that the device was sent, one minute after the other; the last one last."""
    runs = []
    for number, title in enumerate(titles):
        ago = timedelta(minutes=len(titles) - number)
        runs.append(begun(in_inbox(site, title, **fields), ago=ago))
        delivered(runs[-1], device)
    return runs
