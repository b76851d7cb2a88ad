"""Who belongs to a site: invite, join, change the role, remove.

Rules: nobody gives a role above their own or touches somebody who stands above them; a site keeps
at least one owner. Each change holds the site's row, so that two at once can't break a rule that
each of them alone keeps.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.http import Http404
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts import audit, links
from accounts.access import require
from accounts.models import Invitation, Membership, Role, Site, User, normal_email
from accounts.onboarding import check_account

INVITATION_LASTS = timedelta(days=7)


@contextmanager
def _held(site: Site) -> Iterator[None]:
    """A transaction that no other change of members of this site runs beside.

    FOR NO KEY UPDATE: rows that refer to the site can still be written meanwhile.
    """
    with transaction.atomic():
        Site.objects.select_for_update(no_key=True).get(pk=site.pk)
        yield


def _role_of(site: Site, user: User) -> Role:
    membership = Membership.objects.filter(site=site, user=user).first()
    if membership is None:
        raise PermissionDenied(_("You are no longer a member of this site."))
    return Role(membership.role)


def _target(site: Site, member_id: int) -> Membership:
    try:
        return Membership.objects.select_related("user").get(site=site, pk=member_id)
    except Membership.DoesNotExist:
        raise Http404 from None


def assignable(role: Role) -> list[Role]:
    """The roles that somebody with this one may give."""
    return [other for other in Role if role.includes(other)]


def _may_assign(own: Role, role: Role) -> None:
    if not own.includes(role):
        raise PermissionDenied(
            _("You are %(yours)s here and can't give the role %(role)s.")
            % {"yours": own.label, "role": role.label}
        )


def _may_touch(own: Role, target: Membership) -> None:
    if not own.includes(Role(target.role)):
        raise PermissionDenied(
            _("You are %(yours)s here and can't change somebody who is %(role)s.")
            % {"yours": own.label, "role": Role(target.role).label}
        )


def _keeps_an_owner(site: Site, target: Membership) -> None:
    others = Membership.objects.filter(site=site, role=Role.OWNER).exclude(pk=target.pk)
    if target.role == Role.OWNER and not others.exists():
        raise ValidationError(
            _("%(name)s is the only owner. Make somebody else an owner first."),
            params={"name": str(target.user)},
        )


def invite(site: Site, email: str, role: Role, *, by: User) -> str:
    """Path of a link that makes whoever this address belongs to a member; once, for 7 days."""
    email = normal_email(email)
    with _held(site):
        own = _role_of(site, by)
        require(own, Role.ADMIN)
        _may_assign(own, role)
        if Membership.objects.filter(site=site, user__email=email).exists():
            raise ValidationError(
                _("%(email)s is a member already. Change the role in the list."),
                params={"email": email},
            )
        token = links.make(lasts=INVITATION_LASTS, site=site, email=email, role=role, by=by)
        audit.record("member.invited", site=site, actor=by, target=email, role=role)
    return reverse("accounts:invitation", args=[token])


def revoke_invitation(site: Site, invitation_id: int, *, by: User) -> None:
    """End an open invitation. Http404 if the site has none with this id."""
    with _held(site):
        require(_role_of(site, by), Role.ADMIN)
        invitation = Invitation.objects.open().filter(site=site, pk=invitation_id).first()
        if invitation is None:
            raise Http404
        audit.record("member.invitation_revoked", site=site, actor=by, target=invitation.email)
        invitation.delete()


def join(invitation: Invitation, user: User) -> Site:
    """Use an invitation. ValidationError if it ended meanwhile or is for another address."""
    site = invitation.site
    if site is None or invitation.email != user.email:
        raise ValidationError(
            _("This invitation is for %(email)s."), params={"email": invitation.email}
        )
    with _held(site):
        if not links.use(invitation):
            raise ValidationError(_("This invitation has been used or withdrawn."))
        membership, made = Membership.objects.get_or_create(
            site=site, user=user, defaults={"role": invitation.role}
        )
        if made:
            audit.record("member.joined", site=site, actor=user, role=membership.role)
    return site


def join_as_new(invitation: Invitation, *, name: str, password: str) -> User:
    """Make the account of somebody who was invited, and let them join."""
    with transaction.atomic():
        check_account(invitation.email, password, name)
        user = User.objects.create_user(invitation.email, password, name=name.strip())
        join(invitation, user)
    return user


def change_role(site: Site, member_id: int, role: Role, *, by: User) -> Membership:
    """Give a member another role. Http404, PermissionDenied or ValidationError by the rules."""
    with _held(site):
        own = _role_of(site, by)
        require(own, Role.ADMIN)
        target = _target(site, member_id)
        _may_touch(own, target)
        _may_assign(own, role)
        if role != Role.OWNER:
            _keeps_an_owner(site, target)
        before, target.role = target.role, role
        target.save(update_fields=["role"])
        _withdraw_invitations(site, target.user, role)
        audit.record(
            "member.role_changed", site=site, actor=by, target=target.user, before=before, role=role
        )
    return target


def remove(site: Site, member_id: int, *, by: User) -> Membership:
    """End a membership: one's own whatever the role, another's as admin or owner."""
    with _held(site):
        own = _role_of(site, by)
        target = _target(site, member_id)
        if target.user != by:
            require(own, Role.ADMIN)
            _may_touch(own, target)
        _keeps_an_owner(site, target)
        action = "member.left" if target.user == by else "member.removed"
        audit.record(action, site=site, actor=by, target=target.user, role=target.role)
        _withdraw_invitations(site, target.user, None)
        target.delete()
    return target


def _withdraw_invitations(site: Site, user: User, role: Role | None) -> None:
    """End the invitations that a member with this role could no longer make."""
    allowed = assignable(role) if role is not None and role.includes(Role.ADMIN) else []
    Invitation.objects.open().filter(site=site, created_by=user).exclude(role__in=allowed).delete()
