"""A run is finished only when nothing is left to send."""

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from campaigns.models import Batch, Campaign, Run


@transaction.atomic
def finish_if_settled(run_id: int) -> bool:
    """Finish a planned run in which nobody is pending; whether this call did it."""
    now = timezone.now()
    pending = Batch.objects.filter(run=OuterRef("pk"), pending__gt=0)
    finished = Run.objects.filter(
        ~Exists(pending), pk=run_id, state=Run.State.RUNNING
    ).update(state=Run.State.FINISHED, finished_at=now)
    if finished:
        of_this = Run.objects.filter(pk=run_id, kind=Run.Kind.CAMPAIGN).values("campaign")
        Campaign.objects.filter(pk__in=of_this, state=Campaign.State.RUNNING).update(
            state=Campaign.State.FINISHED, state_at=now, updated_at=now
        )
    return finished == 1
