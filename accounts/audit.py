"""The audit log: one line for everything that others may ask about later."""

from typing import Any

from accounts.models import AuditEvent, Site, User


def record(
    action: str,
    *,
    site: Site | None = None,
    actor: User | None = None,
    actor_name: str = "",
    target: object = "",
    **detail: Any,
) -> None:
    """Append an event. `action` is a dotted verb such as "campaign.started"."""
    AuditEvent.objects.create(
        site=site,
        actor=actor,
        actor_name=(actor_name or str(actor or "system"))[:150],
        action=action,
        target=str(target)[:200],
        detail=detail,
    )
