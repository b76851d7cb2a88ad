"""The only door to a site and its objects: who may do what, else 404 or 403.

A person who is not a member gets 404, so that the existence of a site does not leak; a member whose
role is too low gets 403 with a sentence. Every view with a `site_id` goes through `member`.
"""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, cast
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseBase
from django.utils.translation import gettext as _

from accounts.models import Membership, Role, Site, User

P = ParamSpec("P")


class SiteRequest(HttpRequest):
    """A request that has passed `member`: somebody with a role on a site."""

    user: User
    site: Site  # type: ignore[assignment] # ours, not django.contrib.sites'
    role: Role


class UserRequest(HttpRequest):
    """A request behind LoginRequiredMiddleware: somebody is signed in."""

    user: User


def sites_of(user: User) -> list[Site]:
    """The sites that somebody is a member of, by name."""
    return list(Site.objects.filter(memberships__user=user))


def membership_of(user: User, site_id: UUID) -> Membership:
    """Somebody's membership of a site with the site loaded; Http404 if there is none."""
    try:
        return Membership.objects.select_related("site").get(user=user, site_id=site_id)
    except Membership.DoesNotExist:
        raise Http404 from None


def require(role: Role, least: Role) -> None:
    """PermissionDenied, with a sentence for the person, unless the role is enough."""
    if not role.includes(least):
        raise PermissionDenied(
            _("This needs the role %(needed)s; you are %(yours)s here.")
            % {"needed": least.label, "yours": role.label}
        )


def member(
    least: Role,
) -> Callable[
    [Callable[Concatenate[SiteRequest, P], HttpResponseBase]],
    Callable[..., HttpResponseBase],
]:
    """Let only members with at least this role in. The view gets request.site and request.role."""

    def decorate(
        view: Callable[Concatenate[SiteRequest, P], HttpResponseBase],
    ) -> Callable[..., HttpResponseBase]:
        @wraps(view)
        def guarded(
            request: HttpRequest, site_id: UUID, *args: P.args, **kwargs: P.kwargs
        ) -> HttpResponseBase:
            assert isinstance(request.user, User)  # noqa: S101 - LoginRequiredMiddleware
            membership = membership_of(request.user, site_id)
            role = Role(membership.role)
            require(role, least)
            site_request = cast(SiteRequest, request)
            site_request.site, site_request.role = membership.site, role
            return view(site_request, *args, **kwargs)

        guarded.least_role = least  # type: ignore[attr-defined]
        return guarded

    return decorate
