"""Pages of campaigns."""

from django.urls import URLPattern, URLResolver, path

from campaigns.views import (
    acting,
    compose,
    ledger,
    listing,
    message,
    overview,
    people,
    report,
    restoring,
    review,
    revising,
    schedule,
    testing,
    whom,
)

app_name = "campaigns"

SITE = "sites/<uuid:site_id>"
ONE = f"{SITE}/campaigns/<uuid:campaign_id>"

urlpatterns: list[URLPattern | URLResolver] = [
    path(f"{SITE}/", overview.index, name="overview"),
    path(f"{SITE}/campaigns/", listing.index, name="list"),
    path(f"{SITE}/running/", overview.running, name="running"),
    path(f"{SITE}/campaigns/live/", listing.live, name="list_live"),
    path(f"{ONE}/", report.index, name="report"),
    path(f"{ONE}/live/", report.live, name="report_live"),
    path(f"{ONE}/minutes/", report.minutes, name="report_minutes"),
    path(f"{ONE}/batches/", report.batches, name="report_batches"),
    path(f"{ONE}/ledger/", ledger.index, name="ledger"),
    path(f"{ONE}/ledger/reasons/", ledger.reasons, name="ledger_reasons"),
    path(f"{ONE}/ledger.csv", ledger.export, name="export"),
    path(
        f"{SITE}/people/<uuid:subscriber_id>/messages/",
        people.messages,
        name="person_messages",
    ),
    path(f"{SITE}/campaigns/new/", compose.new, name="new"),
    path(f"{ONE}/message/", message.message, name="message"),
    path(f"{ONE}/audience/", whom.audience, name="audience"),
    path(f"{ONE}/schedule/", schedule.schedule, name="schedule"),
    path(f"{ONE}/schedule/note/", schedule.schedule_note, name="schedule_note"),
    path(f"{ONE}/review/", review.review, name="review"),
    path(f"{ONE}/test/", testing.test, name="test"),
    path(f"{ONE}/test/<int:run_id>/", testing.test_run, name="test_run"),
    path(f"{ONE}/start/", acting.start, name="start"),
    path(f"{ONE}/plan/", acting.plan, name="plan"),
    path(f"{ONE}/cancel/", acting.cancel, name="cancel"),
    path(f"{ONE}/unschedule/", acting.unschedule, name="unschedule"),
    path(f"{ONE}/pause/", acting.pause, name="pause"),
    path(f"{ONE}/resume/", acting.resume, name="resume"),
    path(f"{ONE}/restore/", restoring.restore_gone, name="restore_gone"),
    path(f"{ONE}/unpark/", acting.unpark, name="unpark"),
    path(f"{ONE}/resend/", acting.resend, name="resend"),
    path(f"{ONE}/revise/", revising.revise, name="revise"),
    path(f"{ONE}/throttle/", acting.throttle, name="throttle"),
    path(f"{ONE}/duplicate/", acting.duplicate, name="duplicate"),
    path(f"{ONE}/delete/", acting.delete, name="delete"),
]
