"""Who wrote any of a campaign: none of them approves it."""

from __future__ import annotations

from django.db.models import F, Func, Value

from accounts.models import User
from campaigns.models import Campaign


def note(campaign: Campaign, by: User | None) -> None:
    """Remember that somebody changed it, themselves or by an API key that they made."""
    if by is None or by.pk in campaign.authors:
        return
    append = Func(F("authors"), Value(by.pk), function="array_append")
    others = Campaign.objects.filter(pk=campaign.pk).exclude(authors__contains=[by.pk])
    others.update(authors=append)
    campaign.authors = [*campaign.authors, by.pk]
