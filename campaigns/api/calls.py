"""Who calls, what they call about, and how the domain's refusals are answered."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError as DjangoValidationError
from django.shortcuts import get_object_or_404
from rest_framework import status
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.request import Request

from accounts.models import ApiKey, Site, User
from audiences import rules
from campaigns.models import Campaign
from campaigns.refusals import Refused


class Conflict(APIException):
    """The campaign's state forbids it."""

    status_code = status.HTTP_409_CONFLICT
    default_code = "conflict"


def site_of(request: Request) -> Site:
    key = request.auth
    assert isinstance(key, ApiKey)  # noqa: S101 - HasScope let it in
    return key.site


def maker_of(request: Request) -> User | None:
    """Who made the key: what it writes, they don't approve."""
    key = request.auth
    assert isinstance(key, ApiKey)  # noqa: S101 - HasScope let it in
    return key.created_by


def name_of(request: Request) -> str:
    """Who acts, for the audit log."""
    return f"API key {request.auth}"


def campaign_of(request: Request, campaign_id: UUID) -> Campaign:
    """A campaign of the key's site, else 404."""
    mine = Campaign.objects.filter(site=site_of(request)).select_related("site", "audience")
    return get_object_or_404(mine, pk=campaign_id)


def attempt(act: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call the domain; its refusals become 400 and 409 with the field and the sentence."""
    try:
        return act(*args, **kwargs)
    except Refused as refusal:
        raise Conflict(refusal.sentence) from refusal
    except rules.RuleError as error:
        raise ValidationError({"audience": [str(error)]}) from error
    except DjangoValidationError as error:
        raise ValidationError(getattr(error, "message_dict", error.messages)) from error
