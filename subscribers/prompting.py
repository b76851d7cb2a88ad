"""A site's prompt: each change is a new version, because consent is given to words."""

from typing import Any

from django.db import transaction
from django.db.models import Count, Q, QuerySet

from accounts import audit
from accounts.models import Site, User
from subscribers.models import ConsentRecord, Prompt
from subscribers.races import look_again

LEAST_CONTRAST = 4.5  # WCAG 2.2, 1.4.3: the button's words are white
WORDS = ("enabled", "title", "body", "yes", "no", "trigger", "after", "color")


def current(site: Site) -> Prompt:
    """The version that visitors see now; an unsaved one for a site that has none."""
    newest = Prompt.objects.filter(site=site).order_by("-version").first()
    return newest or Prompt(site=site, version=0)


def publish(site: Site, wanted: dict[str, Any], *, by: User) -> Prompt:
    """Make a version with these words, unless the present one has them. Returns what is current."""
    return look_again(lambda: _publish(site, wanted, by))


@transaction.atomic
def _publish(site: Site, wanted: dict[str, Any], by: User) -> Prompt:
    newest = current(site)
    if newest.pk and all(getattr(newest, name) == wanted[name] for name in WORDS):
        return newest
    made = Prompt.objects.create(
        site=site,
        version=newest.version + 1,
        created_by=by,
        **{name: wanted[name] for name in WORDS},
    )
    audit.record("prompt.changed", site=site, actor=by, target=made, version=made.version)
    return made


def versions(site: Site) -> QuerySet[Prompt]:
    """All versions, newest first, each with `said_yes`: how many devices agreed to its words."""
    agreed = Q(consents__action__in=ConsentRecord.GAINS)
    return (
        Prompt.objects.filter(site=site)
        .select_related("created_by")
        .annotate(said_yes=Count("consents", filter=agreed))
        .order_by("-version")
    )


def contrast_with_white(color: str) -> float:
    """Contrast ratio of "#rrggbb" with white, 1 to 21 (WCAG 2.2)."""
    channels = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in channels
    ]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return 1.05 / (luminance + 0.05)
