"""What campaigns has to say when something below it changes."""

from django.apps import AppConfig
from django.db.models.signals import pre_delete


class CampaignsConfig(AppConfig):
    name = "campaigns"

    def ready(self) -> None:
        from audiences import catalogue, uses
        from audiences.builder import choices
        from campaigns import engagement, inbox, using
        from campaigns.keeping import keep_while_sending
        from subscribers import identity

        catalogue.register(*engagement.FIELDS)
        choices.offer("campaigns", engagement.choices)
        uses.register(using.waiting, using.planning)

        identity.merged.connect(inbox.merge)
        pre_delete.connect(keep_while_sending, sender="subscribers.Credential")
