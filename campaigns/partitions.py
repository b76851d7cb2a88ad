"""The ledger's monthly partitions, so that an old month can be dropped instead of deleted."""

from datetime import date

from subscribers.partitions import make


def ensure(month: date) -> None:
    """Make the partition of a month (its first day) if it is not there. Safe to race."""
    # Rows change in place while they are sent.
    make("campaigns_delivery", (month,), "fillfactor = 80")
