"""Pages of accounts."""

from django.urls import path

from accounts.views import history, keys, members, profile, signin, sites

app_name = "accounts"
SITE = "sites/<uuid:site_id>"
urlpatterns = [
    path("", sites.home, name="home"),
    path("signin/", signin.signin, name="signin"),
    path("signin/forgotten/", signin.forgotten, name="forgotten"),
    path("signin/<str:token>/", signin.signin_link, name="signin_link"),
    path("signout/", signin.signout, name="signout"),
    path("invite/<str:token>/", signin.invitation, name="invitation"),
    path("profile/", profile.profile, name="profile"),
    path("profile/sessions/end/", profile.signout_others, name="signout_others"),
    path("password/", profile.password, name="password"),
    path("sites/", sites.sites, name="sites"),
    path(f"{SITE}/settings/", sites.settings, name="settings"),
    path(f"{SITE}/settings/identity/", sites.identity_rotate, name="identity_rotate"),
    path(f"{SITE}/members/", members.members, name="members"),
    path(f"{SITE}/members/<int:member_id>/role/", members.member_role, name="member_role"),
    path(f"{SITE}/members/<int:member_id>/remove/", members.member_remove, name="member_remove"),
    path(f"{SITE}/members/<int:member_id>/link/", members.member_link, name="member_link"),
    path(
        f"{SITE}/invitations/<int:invitation_id>/revoke/",
        members.invitation_revoke,
        name="invitation_revoke",
    ),
    path(f"{SITE}/keys/", keys.keys, name="keys"),
    path(f"{SITE}/keys/<int:key_id>/revoke/", keys.key_revoke, name="key_revoke"),
    path(f"{SITE}/history/", history.history, name="history"),
]
