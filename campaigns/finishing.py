"""A run is finished only when nothing is left to send."""

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from campaigns.models import Batch, Campaign, Run


@transaction.atomic
def finish_if_settled(run_id: int) -> bool:
    """Finish a planned run in which nobody is pending; whether this call did it."""
    # The campaign before the run: the order in which pausing and cancelling lock them.
    list(Campaign.objects.select_for_update(of=("self",)).filter(runs=run_id).values_list("pk"))
    now = timezone.now()
    pending = Batch.objects.filter(run=OuterRef("pk"), pending__gt=0)
    finished = Run.objects.filter(~Exists(pending), pk=run_id, state=Run.State.RUNNING).update(
        state=Run.State.FINISHED, finished_at=now
    )
    if finished:
        of_this = Run.objects.filter(pk=run_id, kind=Run.Kind.CAMPAIGN).values("campaign")
        Campaign.objects.filter(pk__in=of_this, state=Campaign.State.RUNNING).update(
            state=Campaign.State.FINISHED, state_at=now, updated_at=now
        )
    return finished == 1


def finish_settled() -> int:
    """Finish every run that is done, though whoever did the last of it could not say so."""
    pending = Batch.objects.filter(run=OuterRef("pk"), pending__gt=0)
    settled = Run.objects.filter(~Exists(pending), state=Run.State.RUNNING)
    return sum(finish_if_settled(run_id) for run_id in settled.values_list("pk", flat=True))
