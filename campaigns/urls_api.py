"""/api/v1/campaigns/."""

from django.urls import path

from campaigns.api import acts, campaigns

app_name = "campaigns_api"
ONE = "campaigns/<uuid:campaign_id>"
urlpatterns = [
    path("campaigns/", campaigns.CampaignList.as_view(), name="list"),
    path(f"{ONE}/", campaigns.CampaignDetail.as_view(), name="detail"),
    path(f"{ONE}/start/", acts.CampaignStart.as_view(), name="start"),
    path(f"{ONE}/pause/", acts.CampaignPause.as_view(), name="pause"),
    path(f"{ONE}/resume/", acts.CampaignResume.as_view(), name="resume"),
    path(f"{ONE}/cancel/", acts.CampaignCancel.as_view(), name="cancel"),
    path(f"{ONE}/unpark/", acts.CampaignUnpark.as_view(), name="unpark"),
    path(f"{ONE}/resend-unknown/", acts.CampaignResend.as_view(), name="resend_unknown"),
    path(f"{ONE}/report/", campaigns.CampaignReport.as_view(), name="report"),
    path(f"{ONE}/deliveries/", campaigns.CampaignDeliveries.as_view(), name="deliveries"),
]
