"""What has been seen of a site's snippet. Each note is made at most once a minute."""

import gzip
import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from django.contrib.staticfiles import finders
from django.db.models import Q
from django.utils import timezone

from accounts.models import Site
from subscribers import incoming
from subscribers.models import Installation, Subscription

# Where a customer hosts the worker, unless its tag says otherwise.
WORKER_PATH = "/push/beckon/sw.js"
NOTE_EVERY = timedelta(minutes=1)


def seen(site: Site, origin: str, referrer: str) -> None:
    """The snippet asked for its settings. Only a page of the site counts, not a person's curl."""
    page = incoming.page(referrer)
    parts = urlsplit(page)
    on = origin or f"{parts.scheme}://{parts.netloc}"
    if on not in site.origins:
        return
    stale = Q(snippet_seen_at=None) | Q(snippet_seen_at__lt=timezone.now() - NOTE_EVERY)
    Installation.objects.filter(stale, site=site).update(
        snippet_seen_at=timezone.now(), snippet_page=page or f"{on}/"
    )


def foreign(site: Site, origin: str) -> None:
    """A page that is not in the site's list used its key: a forgotten origin, or somebody else."""
    stale = Q(foreign_seen_at=None) | Q(foreign_seen_at__lt=timezone.now() - NOTE_EVERY)
    Installation.objects.filter(stale, site=site).update(
        foreign_seen_at=timezone.now(), foreign_origin=_printable(origin)[:255]
    )


def _printable(text: str) -> str:
    return "".join(one for one in text if one.isprintable())


@dataclass(frozen=True)
class State:
    """What the Install page knows. `current` is the step that is next: 1, 2, 3, or 4 when done."""

    site: Site
    seen_at: datetime | None
    page: str
    foreign_origin: str
    foreign_at: datetime | None
    first: Subscription | None

    @property
    def current(self) -> int:
        if self.first:
            return 4
        return 3 if self.seen_at else 1

    @property
    def loopback(self) -> list[str]:
        """Origins on which only this machine's browsers subscribe."""
        return [one for one in self.site.origins if one.startswith("http://")]

    @property
    def fingerprint(self) -> str:
        """Changes when the page should."""
        first = str(self.first.public_id) if self.first else ""
        parts = [bool(self.seen_at), self.foreign_origin, first, self.site.origins]
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def state(site: Site) -> State:
    """What has been seen of a site's snippet, and its first subscriber."""
    seen_of, _ = Installation.objects.get_or_create(site=site)
    first = Subscription.objects.filter(site=site).select_related("subscriber")
    # An origin that was added since is no longer foreign.
    foreign_origin = seen_of.foreign_origin
    if foreign_origin in site.origins:
        foreign_origin = ""
    return State(
        site=site,
        seen_at=seen_of.snippet_seen_at,
        page=seen_of.snippet_page,
        foreign_origin=foreign_origin,
        foreign_at=seen_of.foreign_seen_at,
        first=first.order_by("pk").first(),
    )


@cache
def file_size(name: str) -> int:
    """Bytes of a file that customers download."""
    return len(_read(name))


@cache
def transfer_size(name: str) -> int:
    """Bytes of a file as browsers get it, gzipped."""
    return len(gzip.compress(_read(name)))


def _read(name: str) -> bytes:
    path = finders.find(name)
    if path is None:
        raise FileNotFoundError(name)
    return Path(path).read_bytes()
