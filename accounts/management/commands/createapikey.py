"""manage.py createapikey --site ID --scope all: a key for scripts, as JSON."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from accounts import api_keys
from accounts.models import ApiKey, Site


class Command(BaseCommand):
    help = "Make an API key of a site and print it as JSON. It can't be shown again."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--site", required=True, help="the id that createsite printed")
        parser.add_argument(
            "--scope",
            action="append",
            required=True,
            help=f"may be given several times: {', '.join(ApiKey.Scope.values)}",
        )
        parser.add_argument("--name", default="Command line", help="what the keys page calls it")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            site = Site.objects.get(pk=options["site"])
        except (Site.DoesNotExist, ValidationError):
            raise CommandError(f"There is no site with the id {options['site']}.") from None
        scopes = [word for given in options["scope"] for word in given.split(",") if word]
        try:
            key, text = api_keys.create(site, options["name"][:80], scopes, by_name="command line")
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        answer = {"id": key.pk, "name": key.name, "key": text, "scopes": key.scopes}
        self.stdout.write(json.dumps(answer))
