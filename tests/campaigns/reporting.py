"""What the tests of the report share: its addresses, and what a person reads on it."""

import re

from django.urls import reverse

from accounts.models import Site
from campaigns.models import Run
from subscribers.models import Subscription
from tests.factories import PUSH_ORIGIN, make_subscription


def device(site: Site, name: str, **fields: object) -> Subscription:
    return make_subscription(site, endpoint=f"{PUSH_ORIGIN}/wpush/v2/{name}", **fields)


def at(run: Run, name: str = "report") -> str:
    return reverse(f"campaigns:{name}", args=[run.campaign.site_id, run.campaign_id])


def text(answer: object) -> str:
    """What a person reads, with single spaces."""
    words = re.sub(r"<[^>]+>", " ", answer.content.decode())  # type: ignore[attr-defined]
    return " ".join(words.split())
