"""Who may do what: one line for every address. tests/test_access_matrix.py holds each to it.

A page has a rule for GET and one for POST: the least role on the site, or a `Gate`; none means
that the method is not answered. An API address has a scope for each method. `data` is a body that
the door lets through to something that exists.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from accounts.models import Role


class Gate(StrEnum):
    """What is not a matter of roles on a site."""

    PUBLIC = "public"
    SIGNED_IN = "signed in"
    INSTALLER = "owner of the installation"


Rule = Role | Gate | None


@dataclass(frozen=True)
class Page:
    get: Rule = None
    post: Rule = None
    data: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Api:
    scopes: dict[str, str]


OWNER, ADMIN, MARKETER, VIEWER = Role
PUBLIC, SIGNED_IN, INSTALLER = Gate
READ_PEOPLE, WRITE_PEOPLE = "subscribers:read", "subscribers:write"
READ_AUDIENCES, WRITE_AUDIENCES = "audiences:read", "audiences:write"
READ, WRITE, SEND = "campaigns:read", "campaigns:write", "campaigns:send"

ROUTES: dict[str, Page | Api] = {
    "healthz": Page(get=PUBLIC),
    "demo_site": Page(post=INSTALLER),
    "samples": Page(post=ADMIN),
    # Over all sites, so not for everybody.
    "health": Page(get=ADMIN),
    "health_live": Page(get=ADMIN),
    "health_minutes": Page(get=ADMIN),
    "health_file": Page(get=ADMIN),
    # Visitors' browsers.
    "push_config": Page(get=PUBLIC),
    "push_subscriptions": Page(post=PUBLIC),
    "push_subscription": Page(post=PUBLIC),
    # With the site's app key.
    "push_devices": Page(post=PUBLIC),
    "campaigns_public:events": Page(post=PUBLIC),
    # With a signed identity.
    "campaigns_public:inbox": Page(get=PUBLIC, post=PUBLIC),
    "campaigns_public:inbox_unread": Page(get=PUBLIC),
    "campaigns_public:inbox_read": Page(post=PUBLIC),
    "campaigns_public:inbox_item": Page(post=PUBLIC),
    "picture": Page(get=PUBLIC),
    # accounts
    "accounts:home": Page(get=SIGNED_IN),
    "accounts:signin": Page(get=PUBLIC, post=PUBLIC),
    "accounts:forgotten": Page(get=PUBLIC),
    "accounts:signin_link": Page(get=PUBLIC, post=PUBLIC),
    "accounts:signout": Page(post=SIGNED_IN),
    "accounts:invitation": Page(get=PUBLIC, post=PUBLIC),
    "accounts:profile": Page(get=SIGNED_IN, post=SIGNED_IN),
    "accounts:signout_others": Page(post=SIGNED_IN),
    "accounts:password": Page(get=SIGNED_IN, post=SIGNED_IN),
    "accounts:sites": Page(get=SIGNED_IN),
    "accounts:settings": Page(get=ADMIN, post=ADMIN),
    "accounts:identity_rotate": Page(post=ADMIN),
    "accounts:members": Page(get=ADMIN, post=ADMIN),
    "accounts:member_role": Page(post=ADMIN, data={"role": "viewer"}),
    # Of somebody else: everybody may remove themselves.
    "accounts:member_remove": Page(post=ADMIN),
    "accounts:member_link": Page(post=INSTALLER),
    "accounts:invitation_revoke": Page(post=ADMIN),
    "accounts:keys": Page(get=ADMIN, post=ADMIN),
    "accounts:key_revoke": Page(post=ADMIN),
    "accounts:history": Page(get=ADMIN),
    # subscribers
    "subscribers:site_new": Page(get=INSTALLER, post=INSTALLER),
    "subscribers:people": Page(get=VIEWER),
    "subscribers:people_export": Page(get=ADMIN),
    "subscribers:person": Page(get=VIEWER),
    "subscribers:person_events": Page(get=VIEWER),
    "subscribers:person_unsubscribe": Page(post=ADMIN),
    "subscribers:device_unsubscribe": Page(post=ADMIN),
    "subscribers:device_restore": Page(post=ADMIN),
    "subscribers:device_test": Page(post=MARKETER),
    "subscribers:install": Page(get=MARKETER),
    "subscribers:install_state": Page(get=MARKETER),
    "subscribers:prompts": Page(get=MARKETER, post=ADMIN),
    "subscribers:push_keys": Page(get=ADMIN),
    "subscribers:push_key_replace": Page(post=ADMIN),
    "subscribers:push_key_delete": Page(post=ADMIN),
    "subscribers:apps": Page(get=ADMIN),
    "subscribers:app_firebase": Page(get=ADMIN, post=ADMIN),
    "subscribers:app_apple": Page(get=ADMIN, post=ADMIN),
    "subscribers:app_key": Page(post=ADMIN),
    "subscribers:identity_key": Page(post=ADMIN),
    "subscribers:app_test": Page(post=ADMIN),
    "subscribers:app_remove": Page(post=ADMIN),
    # campaigns
    "campaigns:overview": Page(get=VIEWER),
    "campaigns:list": Page(get=VIEWER),
    "campaigns:list_live": Page(get=VIEWER),
    "campaigns:running": Page(get=VIEWER),
    "campaigns:calendar": Page(get=VIEWER),
    "campaigns:calendar_entry": Page(get=VIEWER, post=MARKETER),
    "campaigns:report": Page(get=VIEWER),
    "campaigns:report_live": Page(get=VIEWER),
    "campaigns:report_minutes": Page(get=VIEWER),
    "campaigns:report_batches": Page(get=VIEWER),
    "campaigns:ledger": Page(get=VIEWER),
    "campaigns:ledger_reasons": Page(get=VIEWER),
    "campaigns:export": Page(get=ADMIN),
    "campaigns:person_messages": Page(get=VIEWER),
    "campaigns:new": Page(get=MARKETER, post=MARKETER),
    "campaigns:message": Page(get=VIEWER, post=MARKETER),
    "campaigns:message_preview": Page(get=VIEWER, post=VIEWER),
    "campaigns:message_people": Page(get=VIEWER),
    "campaigns:message_languages": Page(get=VIEWER),
    "campaigns:message_findings": Page(get=VIEWER),
    "campaigns:audience": Page(get=VIEWER, post=MARKETER),
    "campaigns:schedule": Page(get=VIEWER, post=MARKETER),
    "campaigns:schedule_note": Page(get=VIEWER),
    "campaigns:review": Page(get=VIEWER),
    "campaigns:review_outlook": Page(get=VIEWER),
    "campaigns:review_checks": Page(get=VIEWER),
    "campaigns:dry_run": Page(post=MARKETER),
    "campaigns:dry_run_people": Page(get=VIEWER),
    "campaigns:dry_run_export": Page(get=ADMIN),
    "campaigns:dry_run_person": Page(get=VIEWER),
    "campaigns:approval_ask": Page(post=MARKETER),
    "campaigns:approval_decide": Page(post=MARKETER),
    "campaigns:test": Page(get=MARKETER, post=MARKETER),
    "campaigns:test_run": Page(get=MARKETER),
    "campaigns:start": Page(post=MARKETER),
    "campaigns:undo": Page(post=MARKETER),
    "campaigns:plan": Page(post=MARKETER),
    "campaigns:policies": Page(get=ADMIN, post=ADMIN),
    "campaigns:cancel": Page(post=MARKETER),
    "campaigns:unschedule": Page(post=MARKETER),
    "campaigns:pause": Page(post=MARKETER),
    "campaigns:resume": Page(post=MARKETER),
    "campaigns:restore_gone": Page(post=ADMIN),
    "campaigns:unpark": Page(post=MARKETER),
    "campaigns:report_variants": Page(get=VIEWER),
    "campaigns:choose_winner": Page(post=MARKETER),
    "campaigns:resend": Page(post=MARKETER),
    "campaigns:revise": Page(get=MARKETER, post=MARKETER),
    "campaigns:throttle": Page(post=MARKETER),
    "campaigns:duplicate": Page(post=MARKETER),
    "campaigns:delete": Page(post=MARKETER),
    "campaigns:library_save": Page(get=MARKETER, post=MARKETER),
    "campaigns:picture_use": Page(post=MARKETER),
    "campaigns:library": Page(get=VIEWER),
    "campaigns:library_one": Page(get=VIEWER),
    "campaigns:library_start": Page(post=MARKETER),
    "campaigns:library_rename": Page(post=MARKETER, data={"name": "Renamed"}),
    "campaigns:library_delete": Page(post=MARKETER),
    "campaigns:library_ready": Page(get=VIEWER, post=MARKETER, data={"key": "news"}),
    "campaigns:pictures": Page(get=VIEWER, post=MARKETER),
    "campaigns:picture_choice": Page(get=MARKETER),
    "campaigns:picture_delete": Page(post=MARKETER),
    "campaigns:look": Page(post=MARKETER),
    # audiences
    "audiences:index": Page(get=VIEWER),
    "audiences:duplicate": Page(post=MARKETER),
    "audiences:delete": Page(post=MARKETER),
    "audiences:ready": Page(post=MARKETER, data={"key": "everyone"}),
    "audiences:ready_cards": Page(get=VIEWER),
    "audiences:ready_count": Page(get=VIEWER),
    "audiences:attributes": Page(get=VIEWER, post=ADMIN),
    "audiences:suggestions": Page(get=VIEWER),
    "audiences:lists": Page(get=VIEWER),
    "audiences:list_new": Page(get=MARKETER, post=MARKETER),
    "audiences:list": Page(get=VIEWER),
    "audiences:list_upload": Page(post=MARKETER),
    "audiences:list_rename": Page(post=MARKETER, data={"name": "Renamed"}),
    "audiences:list_delete": Page(post=ADMIN),
    "audiences:list_restore": Page(post=MARKETER),
    "audiences:list_report": Page(get=MARKETER),
    "audiences:preview_count": Page(post=VIEWER),
    "audiences:preview_alone": Page(post=VIEWER),
    "audiences:preview_sample": Page(post=VIEWER),
    "audiences:preview_overlap": Page(post=VIEWER),
    "audiences:preview_explain": Page(post=VIEWER),
    "audiences:sizes": Page(get=VIEWER),
    "audiences:export": Page(get=ADMIN),
    "audiences:of_person": Page(get=VIEWER),
    "audiences:new": Page(get=MARKETER, post=MARKETER),
    "audiences:builder": Page(post=VIEWER),
    "audiences:edit": Page(get=VIEWER, post=MARKETER),
    # The REST API.
    "api_subscribers": Api({"GET": READ_PEOPLE}),
    "api_subscriber": Api({"GET": READ_PEOPLE, "PATCH": WRITE_PEOPLE, "DELETE": WRITE_PEOPLE}),
    "api_devices": Api({"POST": WRITE_PEOPLE}),
    "api_device": Api({"PATCH": WRITE_PEOPLE, "DELETE": WRITE_PEOPLE}),
    "api_events": Api({"POST": "events:write"}),
    "audiences_api:audiences": Api({"GET": READ_AUDIENCES, "POST": WRITE_AUDIENCES}),
    "audiences_api:audience": Api(
        {"GET": READ_AUDIENCES, "PATCH": WRITE_AUDIENCES, "DELETE": WRITE_AUDIENCES}
    ),
    "audiences_api:fields": Api({"GET": READ_AUDIENCES}),
    "audiences_api:preview": Api({"POST": READ_AUDIENCES}),
    "audiences_api:explain": Api({"POST": f"{READ_AUDIENCES} {READ_PEOPLE}"}),
    "audiences_api:members": Api({"GET": f"{READ_AUDIENCES} {READ_PEOPLE}"}),
    "audiences_api:lists": Api({"GET": READ_AUDIENCES, "POST": WRITE_AUDIENCES}),
    "audiences_api:list": Api(
        {"GET": READ_AUDIENCES, "PATCH": WRITE_AUDIENCES, "DELETE": WRITE_AUDIENCES}
    ),
    "audiences_api:list_uploads": Api({"GET": READ_AUDIENCES, "POST": WRITE_AUDIENCES}),
    "audiences_api:list_problems": Api({"GET": READ_AUDIENCES}),
    "campaigns_api:policies": Api({"GET": READ, "PUT": SEND}),
    "campaigns_api:saved_messages": Api({"GET": READ, "POST": WRITE}),
    "campaigns_api:saved_message": Api({"GET": READ, "PATCH": WRITE, "DELETE": WRITE}),
    "campaigns_api:saved_message_campaigns": Api({"POST": WRITE}),
    "campaigns_api:pictures": Api({"GET": READ, "POST": WRITE}),
    "campaigns_api:picture": Api({"GET": READ, "DELETE": WRITE}),
    "campaigns_api:calendar": Api({"GET": READ}),
    "campaigns_api:list": Api({"GET": READ, "POST": WRITE}),
    "campaigns_api:detail": Api({"GET": READ, "PATCH": WRITE, "DELETE": WRITE}),
    "campaigns_api:start": Api({"POST": SEND}),
    "campaigns_api:cancel": Api({"POST": SEND}),
    "campaigns_api:pause": Api({"POST": SEND}),
    "campaigns_api:resume": Api({"POST": SEND}),
    "campaigns_api:unpark": Api({"POST": SEND}),
    "campaigns_api:variants": Api({"GET": READ}),
    "campaigns_api:winner": Api({"POST": SEND}),
    "campaigns_api:resend_unknown": Api({"GET": READ, "POST": SEND}),
    "campaigns_api:approval": Api({"GET": READ, "POST": SEND}),
    "campaigns_api:checks": Api({"GET": READ}),
    "campaigns_api:dry_run": Api({"GET": READ, "POST": WRITE}),
    "campaigns_api:dry_run_people": Api({"GET": f"{READ} {READ_PEOPLE}"}),
    "campaigns_api:dry_run_person": Api({"GET": f"{READ} {READ_PEOPLE}"}),
    "campaigns_api:report": Api({"GET": READ}),
    "campaigns_api:deliveries": Api({"GET": READ}),
}
