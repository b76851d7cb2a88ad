"""Making a site: with its VAPID pair, its first prompt and nothing left to set up by hand."""

import re
from collections.abc import Iterable
from zoneinfo import available_timezones

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from accounts.models import Membership, Role, Site, User
from accounts.origins import parse_origins
from subscribers import vapid
from subscribers.models import Installation, Prompt

# BCP 47, as far as a browser writes it: en, nb-NO, zh-Hant-TW.
LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,3}")
# The first prompt, so that a site works before anybody has designed one.
PROMPT_TITLE = gettext_noop("Hear about news and offers first?")
PROMPT_BODY = gettext_noop("A few messages a month. You can stop at any time.")
PROMPT_YES = gettext_noop("Yes, tell me")
PROMPT_NO = gettext_noop("Not now")


class SiteRefused(ValueError):
    """A site cannot be made like this. `field` names the argument, `sentence` is for a person."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field
        self.sentence = sentence


def create_site(
    *,
    name: str,
    origins: Iterable[str],
    language: str = "en",
    time_zone: str = "UTC",
    icon_url: str = "",
    default_url: str = "",
    owner: User | None = None,
) -> Site:
    """A site with its VAPID key, prompt version 1 and installation record; all or nothing.

    Raises `SiteRefused` for a missing name, no or bad origins, an unknown language or zone.
    """
    name = name.strip()
    if not name or len(name) > 80:
        raise SiteRefused("name", _("A site needs a name of at most 80 characters."))
    if not LANGUAGE.fullmatch(language):
        raise SiteRefused("language", _("“%(text)s” is not a language.") % {"text": language})
    if time_zone not in available_timezones():
        raise SiteRefused("time_zone", _("“%(zone)s” is not a time zone.") % {"zone": time_zone})
    with transaction.atomic():
        site = Site.objects.create(
            name=name,
            origins=_origins(origins),
            language=language,
            time_zone=time_zone,
            icon_url=icon_url,
            default_url=default_url,
        )
        vapid.create(site)
        first_prompt(site)
        Installation.objects.create(site=site)
        if owner is not None:
            Membership.objects.create(site=site, user=owner, role=Role.OWNER)
    return site


def first_prompt(site: Site) -> Prompt:
    """Version 1, in the site's language where Beckon speaks it."""
    with translation.override(site.language):
        return Prompt.objects.create(
            site=site,
            version=1,
            title=_(PROMPT_TITLE),
            body=_(PROMPT_BODY),
            yes=_(PROMPT_YES),
            no=_(PROMPT_NO),
        )


def _origins(lines: Iterable[str]) -> list[str]:
    try:
        return parse_origins(list(lines))
    except ValidationError as error:
        raise SiteRefused("origins", " ".join(error.messages)) from error
