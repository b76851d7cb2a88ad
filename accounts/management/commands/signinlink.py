"""manage.py signinlink EMAIL: a one-time link to set a new password, or for the first owner."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from accounts import onboarding
from accounts.models import User, normal_email


class Command(BaseCommand):
    help = "Print a link that sets a new password. Without an address: for the first owner."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email", nargs="?", default="", help="whose password")

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(settings.PUBLIC_URL + self._path(normal_email(options["email"])))

    def _path(self, email: str) -> str:
        if email:
            user = User.objects.filter(email=email, is_active=True).first()
            if user is None:
                raise CommandError(f"Nobody signs in as {email}.")
            return onboarding.password_link(user)
        path = onboarding.first_owner_link()
        if path is None:
            raise CommandError("There is an owner already. Give the address of an account.")
        return path
