"""`python manage.py up`: all of Beckon in one foreground process."""

from argparse import ArgumentParser
from typing import Any

from django.core.checks import Tags, run_checks
from django.core.management.base import BaseCommand, CommandError

from config.embedded import StartError
from config.supervisor.roles import ROLES
from config.supervisor.supervise import Options, Supervisor


class Command(BaseCommand):
    help = "Starts web, workers and ticker, with PostgreSQL and Redis if none are configured."
    # Run below, to say each finding in one line.
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--only", choices=ROLES, help="run this role alone on this machine")
        parser.add_argument(
            "--no-demo",
            action="store_false",
            dest="demo",
            help="leave out the demo shop and the sandbox push service",
        )

    def handle(self, *args: Any, only: str | None, demo: bool, **options: Any) -> None:
        self.report_checks()
        try:
            Supervisor(Options(only, demo), self.say).run()
        except StartError as error:
            raise CommandError(str(error)) from error

    def report_checks(self) -> None:
        """Say what the checks of the settings found; end here if that includes an error."""
        found = run_checks(tags=[Tags.security])
        for message in found:
            if not message.is_silenced():
                hint = f" {message.hint}" if message.hint else ""
                self.stderr.write(f"{message.id}: {message.msg}{hint}")
        if any(message.is_serious() and not message.is_silenced() for message in found):
            raise CommandError("Beckon does not start with these errors.")

    def say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
