"""What a sender may hold in its hands is not deleted meanwhile."""

from typing import Any

from django.db.models import Model, ProtectedError
from django.utils import timezone

from campaigns.models import Batch
from subscribers.models import Credential


def keep_while_sending(instance: Credential, **_signal: Any) -> None:
    """ProtectedError while a batch of the key's site is leased.

    No device has the key any more, but one that had it may be in a window on its way, and its
    answer is recorded by key.
    """
    sending = Batch.objects.filter(
        run__campaign__site_id=instance.site_id, leased_until__gte=timezone.now()
    )
    leased: set[Model] = set(sending[:1])
    if leased:
        raise ProtectedError("A sender may be using this key.", leased)
