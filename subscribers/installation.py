"""What has been seen of a site's snippet. Each note is made at most once a minute."""

from datetime import timedelta
from urllib.parse import urlsplit

from django.db.models import Q
from django.utils import timezone

from accounts.models import Site
from subscribers import incoming
from subscribers.models import Installation

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
