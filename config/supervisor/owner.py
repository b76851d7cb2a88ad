"""The first owner: asked for on a terminal, otherwise invited by a link."""

import getpass
import sys
from collections.abc import Callable

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _


def ask_or_link(say: Callable[[str], None]) -> str | None:
    """The path of a one-time sign-in link, None when there is an owner (now)."""
    from accounts import onboarding

    if onboarding.owner_exists():
        return None
    if sys.stdin.isatty() and sys.stdout.isatty() and ask(say):
        return None
    return onboarding.first_owner_link()


def ask(say: Callable[[str], None]) -> bool:
    """Make the owner from what is typed; False when the person would rather have a link."""
    from accounts import onboarding

    say(_("Welcome. Who owns this Beckon? (Press Enter alone to get a sign-in link instead.)"))
    while email := input(_("E-mail: ")).strip():
        password = getpass.getpass(_("Password: "))
        if getpass.getpass(_("Password again: ")) != password:
            say(_("The two passwords differ."))
            continue
        try:
            onboarding.create_owner(email, password)
        except ValidationError as error:
            say("\n".join(error.messages))
            continue
        return True
    return False
