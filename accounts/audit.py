"""The audit log: one line for everything that others may ask about later."""

from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy

from accounts.models import AuditEvent, Membership, Site, User

LABELS = {
    "app_key.added": gettext_lazy("Added a key for mobile apps"),
    "app_key.removed": gettext_lazy("Removed a key for mobile apps"),
    "app_key.replaced": gettext_lazy("Replaced a key for mobile apps"),
    "app_registration.changed": gettext_lazy("Changed how apps register devices"),
    "attribute.typed": gettext_lazy("Said what an attribute is"),
    "audience.changed": gettext_lazy("Changed an audience"),
    "audience.created": gettext_lazy("Created an audience"),
    "audience.deleted": gettext_lazy("Deleted an audience"),
    "audience.exported": gettext_lazy("Exported an audience's people"),
    "campaign.approval_asked": gettext_lazy("Asked for a campaign's approval"),
    "campaign.approved": gettext_lazy("Approved a campaign"),
    "campaign.cancelled": gettext_lazy("Cancelled a campaign"),
    "campaign.created": gettext_lazy("Created a campaign"),
    "campaign.declined": gettext_lazy("Declined a campaign"),
    "campaign.deleted": gettext_lazy("Deleted a campaign"),
    "campaign.exported": gettext_lazy("Exported a campaign's ledger"),
    "campaign.paused": gettext_lazy("Paused a campaign"),
    "campaign.missed": gettext_lazy("Left out what a series had missed"),
    "campaign.occurrence_left_out": gettext_lazy("Left one out of a series"),
    "campaign.gone_restored": gettext_lazy("Restored devices that were gone"),
    "campaign.resent": gettext_lazy("Sent unknown deliveries again"),
    "campaign.resumed": gettext_lazy("Resumed a campaign"),
    "campaign.revised": gettext_lazy("Changed the message of a running campaign"),
    "campaign.scheduled": gettext_lazy("Scheduled a campaign"),
    "campaign.unscheduled": gettext_lazy("Took a campaign off the schedule"),
    "campaign.started": gettext_lazy("Started a campaign"),
    "campaign.throttled": gettext_lazy("Changed how fast a running campaign goes out"),
    "campaign.winner": gettext_lazy("Chose the variant that goes on"),
    "campaign.unparked": gettext_lazy("Had stuck batches tried again"),
    "database.copied": gettext_lazy("Stopped everything: the database was restored or copied"),
    "key.created": gettext_lazy("Made an API key"),
    "key.revoked": gettext_lazy("Revoked an API key"),
    "list.created": gettext_lazy("Created a list"),
    "list.deleted": gettext_lazy("Deleted a list"),
    "list.renamed": gettext_lazy("Renamed a list"),
    "list.restored": gettext_lazy("Went back to an earlier version of a list"),
    "list.uploaded": gettext_lazy("Uploaded a file to a list"),
    "member.invitation_revoked": gettext_lazy("Withdrew an invitation"),
    "member.invited": gettext_lazy("Invited somebody"),
    "member.joined": gettext_lazy("Joined"),
    "member.left": gettext_lazy("Left"),
    "member.removed": gettext_lazy("Removed a member"),
    "member.role_changed": gettext_lazy("Changed a role"),
    "owner.created": gettext_lazy("Became the owner of this installation"),
    "device.restored": gettext_lazy("Restored a device"),
    "device.unsubscribed": gettext_lazy("Unsubscribed a device"),
    "people.exported": gettext_lazy("Exported the people list"),
    "person.erased": gettext_lazy("Erased a person"),
    "person.unsubscribed": gettext_lazy("Unsubscribed a person"),
    "prompt.changed": gettext_lazy("Changed the prompt"),
    "push_key.created": gettext_lazy("Made a push key"),
    "push_key.deleted": gettext_lazy("Deleted a push key"),
    "picture.deleted": gettext_lazy("Deleted a picture"),
    "picture.uploaded": gettext_lazy("Uploaded a picture"),
    "policies.changed": gettext_lazy("Changed the policies"),
    "saved_message.changed": gettext_lazy("Changed a saved message"),
    "saved_message.created": gettext_lazy("Saved a message to the library"),
    "saved_message.deleted": gettext_lazy("Deleted a saved message"),
    "site.changed": gettext_lazy("Changed the settings"),
    "site.created": gettext_lazy("Created the site"),
    "site.identity_key_changed": gettext_lazy("Changed the public key of identities"),
    "site.identity_rotated": gettext_lazy("Made a new identity secret"),
    "user.link_made": gettext_lazy("Made a link for a new password"),
    "user.password_changed": gettext_lazy("Changed their password"),
    "user.signed_in": gettext_lazy("Signed in"),
    "user.signed_out": gettext_lazy("Signed out"),
    "user.signed_out_everywhere": gettext_lazy("Ended their other sessions"),
}


def record(
    action: str,
    *,
    site: Site | None = None,
    actor: User | None = None,
    actor_name: str = "",
    target: object = "",
    **detail: Any,
) -> AuditEvent:
    """Append an event. `action` is a dotted verb such as "campaign.started"."""
    return AuditEvent.objects.create(
        site=site,
        actor=actor,
        actor_name=(actor_name or str(actor or "system"))[:150],
        action=action,
        target=str(target)[:200],
        detail=detail,
    )


def label(action: str) -> str:
    """What pages call an action."""
    return str(LABELS.get(action) or action.replace(".", " ").replace("_", " ").capitalize())


def of_site(site: Site) -> QuerySet[AuditEvent]:
    """The events of a site, newest first, with its members' sign-ins and passwords."""
    members = Membership.objects.filter(site=site).values("user_id")
    about_members = Q(site=None, action__startswith="user.", actor__in=members)
    return AuditEvent.objects.filter(Q(site=site) | about_members).order_by("-at", "-id")


def actions_of(site: Site) -> list[str]:
    """The actions that occur, for the filter, by their words."""
    found = of_site(site).order_by("action").values_list("action", flat=True).distinct()
    return sorted(found, key=label)
