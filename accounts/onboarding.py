"""How the first owner gets in, and how somebody who forgot a password does."""

from datetime import timedelta

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import connection, transaction
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts import audit, links, sessions
from accounts.models import Invitation, User, normal_email

LINK_LASTS = timedelta(hours=24)
# Any constant that nothing else locks: two first owners can't be made at the same moment.
FIRST_OWNER_LOCK = 0x626B_6F77


def owner_exists() -> bool:
    return User.objects.filter(is_owner=True).exists()


def check_account(email: str, password: str, name: str = "") -> None:
    """ValidationError, by field, unless a new account may have this address and password."""
    problems: dict[str, list[str]] = {}
    try:
        validate_email(email)
    except ValidationError:
        problems["email"] = [_("Write an e-mail address, such as marit@example.com.")]
    else:
        if User.objects.filter(email=email).exists():
            problems["email"] = [_("There is an account with this address already.")]
    try:
        validate_password(password, User(email=email, name=name))
    except ValidationError as error:
        problems["password"] = list(error.messages)
    if problems:
        raise ValidationError(problems)


def create_owner(email: str, password: str, name: str = "") -> User:
    """The installation's owner. ValidationError with a sentence for everything that is wrong."""
    email = normal_email(email)
    check_account(email, password, name)
    with transaction.atomic():
        user = User.objects.create_user(email, password, name=name.strip(), is_owner=True)
        audit.record("owner.created", actor=user, target=email)
    return user


def first_owner_link() -> str | None:
    """Path of the link that creates the first owner; None when there is one.

    It works once and for 24 hours. Each call makes a new link and ends the one before.
    """
    with transaction.atomic():
        _lock()
        if owner_exists():
            return None
        return reverse("accounts:signin_link", args=[links.make(lasts=LINK_LASTS)])


def become_first_owner(link: Invitation, *, email: str, name: str, password: str) -> User:
    """Use a first owner's link. ValidationError if it has been used or an owner exists."""
    with transaction.atomic():
        _lock()
        if owner_exists() or not links.use(link):
            raise ValidationError(_("This link has been used. Sign in instead."))
        return create_owner(email, password, name)


def password_link(user: User, *, by: User | None = None) -> str:
    """Path of a link that lets a user set a new password; once, for 24 hours."""
    with transaction.atomic():
        token = links.make(lasts=LINK_LASTS, email=user.email, by=by)
        audit.record("user.link_made", actor=by, target=user.email)
    return reverse("accounts:signin_link", args=[token])


def set_password_by_link(link: Invitation, password: str) -> User:
    """Use a password link. ValidationError if it has been used or the account is gone."""
    with transaction.atomic():
        user = User.objects.filter(email=link.email, is_active=True).first()
        if user is None or not links.use(link):
            raise ValidationError(_("This link has been used. Ask for a new one."))
        sessions.set_password(user, password)
        return user


def _lock() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [FIRST_OWNER_LOCK])
