"""/api/v1/campaigns/."""

from django.urls import path

from campaigns import api

app_name = "campaigns_api"
urlpatterns = [
    path("campaigns/", api.CampaignList.as_view(), name="list"),
    path("campaigns/<uuid:campaign_id>/", api.CampaignDetail.as_view(), name="detail"),
    path("campaigns/<uuid:campaign_id>/start/", api.CampaignStart.as_view(), name="start"),
    path("campaigns/<uuid:campaign_id>/cancel/", api.CampaignCancel.as_view(), name="cancel"),
    path("campaigns/<uuid:campaign_id>/report/", api.CampaignReport.as_view(), name="report"),
    path(
        "campaigns/<uuid:campaign_id>/deliveries/",
        api.CampaignDeliveries.as_view(),
        name="deliveries",
    ),
]
