from typing import Any

from django.core.management.base import BaseCommand

from config import ticker


class Command(BaseCommand):
    help = "Find what is due and hand it to the queue. Any number may run; one works."

    def handle(self, *args: Any, **options: Any) -> None:
        ticker.run()
