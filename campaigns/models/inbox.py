"""What people did with the messages in their inbox."""

from django.db import models

from campaigns.models.ledger import Run
from subscribers.models import Subscriber


class InboxMark(models.Model):
    """A message that a person has read or thrown away. Without a row it is new.

    Which messages somebody has follows from the ledger (campaigns.inbox).
    """

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="+")
    subscriber = models.ForeignKey(Subscriber, on_delete=models.CASCADE, related_name="+")
    read_at = models.DateTimeField(null=True)
    deleted_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["subscriber", "run"], name="inbox_mark_once")
        ]

    def __str__(self) -> str:
        return f"Mark of {self.subscriber_id} on run {self.run_id}"
