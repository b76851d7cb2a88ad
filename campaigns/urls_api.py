"""/api/v1/campaigns/."""

from django.urls import path

from campaigns.api import (
    acts,
    calendar,
    campaigns,
    dry_runs,
    experiments,
    library,
    policies,
    reviewing,
)

app_name = "campaigns_api"
ONE = "campaigns/<uuid:campaign_id>"
urlpatterns = [
    path("saved-messages/", library.SavedMessages.as_view(), name="saved_messages"),
    path(
        "saved-messages/<int:saved_id>/", library.SavedMessageDetail.as_view(), name="saved_message"
    ),
    path(
        "saved-messages/<int:saved_id>/campaigns/",
        library.SavedMessageCampaigns.as_view(),
        name="saved_message_campaigns",
    ),
    path("pictures/", library.Pictures.as_view(), name="pictures"),
    path("pictures/<uuid:picture_id>/", library.PictureDetail.as_view(), name="picture"),
    path("policies/", policies.Policies.as_view(), name="policies"),
    path("calendar/", calendar.Calendar.as_view(), name="calendar"),
    path("campaigns/", campaigns.CampaignList.as_view(), name="list"),
    path(f"{ONE}/", campaigns.CampaignDetail.as_view(), name="detail"),
    path(f"{ONE}/start/", acts.CampaignStart.as_view(), name="start"),
    path(f"{ONE}/pause/", acts.CampaignPause.as_view(), name="pause"),
    path(f"{ONE}/resume/", acts.CampaignResume.as_view(), name="resume"),
    path(f"{ONE}/cancel/", acts.CampaignCancel.as_view(), name="cancel"),
    path(f"{ONE}/unpark/", acts.CampaignUnpark.as_view(), name="unpark"),
    path(f"{ONE}/resend-unknown/", acts.CampaignResend.as_view(), name="resend_unknown"),
    path(f"{ONE}/approval/", reviewing.CampaignApproval.as_view(), name="approval"),
    path(f"{ONE}/checks/", reviewing.CampaignChecks.as_view(), name="checks"),
    path(f"{ONE}/variants/", experiments.CampaignVariants.as_view(), name="variants"),
    path(f"{ONE}/winner/", experiments.CampaignWinner.as_view(), name="winner"),
    path(f"{ONE}/dry-run/", dry_runs.CampaignDryRun.as_view(), name="dry_run"),
    path(f"{ONE}/dry-run/people/", dry_runs.CampaignDryRunPeople.as_view(), name="dry_run_people"),
    path(
        f"{ONE}/dry-run/people/<uuid:subscriber_id>/",
        dry_runs.CampaignDryRunPerson.as_view(),
        name="dry_run_person",
    ),
    path(f"{ONE}/report/", campaigns.CampaignReport.as_view(), name="report"),
    path(f"{ONE}/deliveries/", campaigns.CampaignDeliveries.as_view(), name="deliveries"),
]
