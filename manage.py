#!/usr/bin/env python
"""Django's command line."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured

from config.embedded import StartError


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.core.management import execute_from_command_line

    try:
        if sys.argv[1:2] == ["up"]:
            from config.supervisor import secrets

            secrets.prepare(os.environ)
        execute_from_command_line(sys.argv)
    except (ImproperlyConfigured, StartError) as error:
        sys.exit(f"{error}")


if __name__ == "__main__":
    main()
