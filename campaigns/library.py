"""The site's saved messages, and campaigns that begin with one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit
from accounts.models import Site, User
from campaigns import authors, content, drafting
from campaigns.models import Campaign, SavedMessage

LONGEST_NAME = 120
# Of a site; a page of them is read at once.
MOST = 500


def of_site(site: Site, text: str = "") -> QuerySet[SavedMessage]:
    """The site's saved messages by name; those whose name, title or text contains `text`."""
    found = SavedMessage.objects.filter(site=site).select_related("created_by").order_by("name")
    if not text:
        return found
    named = Q(name__icontains=text)
    return found.filter(
        named | Q(content__title__icontains=text) | Q(content__body__icontains=text)
    )


def contents_of(campaign: Campaign) -> dict[str, Any]:
    """What a campaign says, to be said again; without a utm_campaign that follows its name."""
    message = drafting.message_of(campaign)
    contents = {name: getattr(message, name) for name in drafting.CONTENT}
    if contents["utm_campaign"] == drafting.utm_of(campaign.name):
        del contents["utm_campaign"]
    return contents


def save(
    site: Site,
    name: str,
    contents: Mapping[str, Any],
    *,
    by: User | None = None,
    by_name: str = "",
) -> SavedMessage:
    """Keep a message under a name of its own; ValidationError by field."""
    name, clean = _name(name), _checked(contents)
    if SavedMessage.objects.filter(site=site).count() >= MOST:
        raise ValidationError({"name": _full()})
    try:
        with transaction.atomic():
            saved = SavedMessage.objects.create(site=site, name=name, content=clean, created_by=by)
            audit.record(
                "saved_message.created", site=site, actor=by, actor_name=by_name, target=name
            )
    except IntegrityError:
        raise ValidationError({"name": _taken(name)}) from None
    return saved


def change(
    saved: SavedMessage,
    *,
    name: str | None = None,
    contents: Mapping[str, Any] | None = None,
    by: User | None = None,
    by_name: str = "",
) -> None:
    """Give it another name, other contents, or both; ValidationError by field."""
    before = saved.name
    if name is not None:
        saved.name = _name(name)
    if contents is not None:
        saved.content = _checked(contents)
    saved.updated_at = timezone.now()
    try:
        with transaction.atomic():
            saved.save(update_fields=["name", "content", "updated_at"])
            audit.record(
                "saved_message.changed",
                site=saved.site,
                actor=by,
                actor_name=by_name,
                target=saved.name,
                **({"before": before} if before != saved.name else {}),
            )
    except IntegrityError:
        raise ValidationError({"name": _taken(saved.name)}) from None


@transaction.atomic
def delete(saved: SavedMessage, *, by: User | None = None, by_name: str = "") -> None:
    """Remove it. Campaigns that began with it stay as they are."""
    audit.record(
        "saved_message.deleted", site=saved.site, actor=by, actor_name=by_name, target=saved.name
    )
    saved.delete()


def start(
    site: Site,
    name: str,
    contents: Mapping[str, Any],
    *,
    by: User | None = None,
    wrote: Iterable[User | None] = (),
) -> Campaign:
    """A new draft that says so; ValidationError by field for what is not accepted any more.

    The site's own address stands in where the message names none. `wrote`: who else wrote it, and
    so does not approve it either.
    """
    known = {key: value for key, value in contents.items() if key in drafting.CONTENT}
    if not known.get("url"):
        known.pop("url", None)
    with transaction.atomic():
        campaign = drafting.create(site, by=by, name=name)
        drafting.edit_message(campaign, known, by)
        for user in wrote:
            authors.note(campaign, user)
    return campaign


def _name(name: str) -> str:
    try:
        clean = content.text(name, longest=LONGEST_NAME)
    except ValidationError as error:
        raise ValidationError({"name": error.messages}) from error
    if not clean:
        raise ValidationError({"name": _("Give it a name, so that others find it.")})
    return clean


def _checked(contents: Mapping[str, Any]) -> dict[str, Any]:
    clean = content.checked(contents)
    if not clean.get("title") and not clean.get("body"):
        raise ValidationError({"title": _("There is nothing in it yet: write a title or a text.")})
    return clean


def _taken(name: str) -> str:
    return _("The library has “%(name)s” already. Choose another name.") % {"name": name}


def _full() -> str:
    return _("The library has %(most)d messages, which is the most. Delete some.") % {"most": MOST}
