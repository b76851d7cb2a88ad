"""Driving a run as the queue would, and the books that must balance after every step."""

from collections import Counter

from campaigns import planning, reports, sending
from campaigns.models import Batch, Delivery, Run
from campaigns.sending import Sender

OUTCOMES = (
    *("accepted", "refused", "gone", "skipped", "holdout"),
    *("expired", "cancelled", "unknown", "pending"),
)
PENDING = (Delivery.State.PLANNED, Delivery.State.SENDING)


def drive(run: Run, sender: Sender) -> None:
    """Plan the run and send every batch once."""
    planning.plan(run.pk)
    for batch in Batch.objects.filter(run=run).order_by("pk"):
        sending.deliver(batch.pk, sender)
        check_books(run)
    run.refresh_from_db()


def check_books(run: Run) -> None:
    """The report adds up to the audience, and says what the ledger's rows say."""
    counts = reports.run_counts(run)
    assert counts["audience"] == sum(counts[name] for name in OUTCOMES)
    rows = Counter(Delivery.objects.filter(run_id=run.pk).values_list("state", flat=True))
    assert counts["audience"] == rows.total()
    assert counts["pending"] == sum(rows[state] for state in PENDING)
    for state in set(Delivery.State) - set(PENDING):
        assert counts[state.name.lower()] == rows[state]
    assert counts["skipped"] == sum(counts["skipped_by_reason"].values())
