"""`manage.py createsite`: for scripts; prints JSON with the site's id and public keys."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts import audit
from accounts.models import User
from subscribers import vapid
from subscribers.onboarding import SiteRefused, create_site


class Command(BaseCommand):
    help = "Create a site and print its id, public key and VAPID public key as JSON."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--name", required=True, help="What people call the site.")
        parser.add_argument(
            "--origin",
            action="append",
            required=True,
            help="Where its pages are, such as https://shop.example; may be repeated.",
        )
        parser.add_argument("--language", default="en", help="Such as en or nb-NO.")
        parser.add_argument("--time-zone", default="UTC", help="Such as Europe/Oslo.")
        parser.add_argument("--owner", default="", metavar="EMAIL", help="Who owns it.")

    def handle(self, *args: Any, **options: Any) -> None:
        owner = self._owner(options["owner"])
        try:
            site = create_site(
                name=options["name"],
                origins=options["origin"],
                language=options["language"],
                time_zone=options["time_zone"],
                owner=owner,
            )
        except SiteRefused as error:
            raise CommandError(error.sentence) from error
        audit.record("site.created", site=site, actor=owner, target=site, by="createsite")
        answer = {
            "id": str(site.id),
            "key": site.key,
            "vapid_public_key": vapid.public_text(vapid.current(site)),
        }
        self.stdout.write(json.dumps(answer))

    def _owner(self, email: str) -> User | None:
        if not email:
            return None
        owner = User.objects.filter(email__iexact=email.strip()).first()
        if owner is None:
            raise CommandError(f"Nobody has the e-mail address {email}. Add the person first.")
        return owner
