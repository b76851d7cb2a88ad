"""Who gets a campaign: a rule over subscribers and their devices."""

from __future__ import annotations

import uuid
from typing import Any

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Site, User


def everyone() -> dict[str, Any]:
    """The rule that holds for every active subscription."""
    return {"version": 1, "all": []}


class Audience(models.Model):
    """A rule (audiences.rules) with, for one that is kept for reuse, a name."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="audiences")
    # Empty: belongs to one campaign.
    name = models.CharField(_("name"), max_length=120, blank=True)
    rule = models.JSONField(default=everyone)
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.name or str(self.id)
