"""What audiences has to say when something below it changes."""

from django.apps import AppConfig


class AudiencesConfig(AppConfig):
    name = "audiences"

    def ready(self) -> None:
        from audiences.membership import follow
        from subscribers.identity import merged

        merged.connect(follow)
