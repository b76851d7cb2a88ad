"""The settings page "Mobile apps": the keys for Firebase and Apple, and how apps register."""

from __future__ import annotations

import re
from dataclasses import dataclass

from django.conf import settings as config
from django.contrib import messages
from django.core.cache import cache
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import show_once
from accounts.access import SiteRequest, member
from accounts.models import Role
from subscribers import app_checks, app_credentials, app_files, app_registration
from subscribers.app_credentials import Held, Refused
from subscribers.forms_apps import AppleForm, FirebaseForm, IdentityKeyForm
from subscribers.models import Channel, Credential

_KEY_ID_OF_NAME = re.compile(r"AuthKey_([A-Z0-9]{10})( ?\(\d+\))?\.p8", re.ASCII)
CHECKED_AGAIN = 10  # seconds until the same key is tested again


@dataclass(frozen=True)
class Service:
    """A panel of the page."""

    title: str
    about: Promise
    unconnected: Promise
    page: str  # where its key is put in
    action: Promise
    keys: list[Held]

    @property
    def current(self) -> Held | None:
        return next((one for one in self.keys if one.key.retired_at is None), None)

    @property
    def retired(self) -> list[Held]:
        return [one for one in self.keys if one.key.retired_at is not None]


def _services(keys: list[Held]) -> list[Service]:
    return [
        Service(
            "Firebase",
            gettext_lazy("Android, and iOS through Firebase"),
            gettext_lazy("Reaches Android apps, and iOS apps that use Firebase Cloud Messaging."),
            "subscribers:app_firebase",
            gettext_lazy("Connect Firebase"),
            [one for one in keys if one.key.channel == Channel.FCM],
        ),
        Service(
            "Apple",
            gettext_lazy("iOS, directly"),
            gettext_lazy("Reaches iOS apps without Firebase. Android apps don't need it."),
            "subscribers:app_apple",
            gettext_lazy("Connect Apple"),
            [one for one in keys if one.key.channel == Channel.APNS],
        ),
    ]


@member(Role.ADMIN)
@never_cache
@require_safe
def apps(request: SiteRequest) -> HttpResponse:
    """Which apps can be reached, whether their keys work, and how devices come in."""
    initial = {"public_key": request.site.identity_public_key}
    return _page(request, IdentityKeyForm(initial=initial))


def _page(request: SiteRequest, form: IdentityKeyForm) -> HttpResponse:
    keys = app_credentials.held(request.site)
    context = {
        "nav": "settings",
        "tab": "apps",
        "keys": keys,
        "services": _services(keys),
        "form": form,
        "devices_url": f"{config.PUBLIC_URL}/push/{request.site.key}/devices/",
    }
    return render(request, "subscribers/apps.html", context)


@member(Role.ADMIN)
@never_cache
@require_http_methods(["GET", "POST"])
def firebase(request: SiteRequest) -> HttpResponse:
    """Take a service account's file, and test it at once."""
    form = FirebaseForm(request.POST or None, request.FILES or None)
    if request.method == "POST":
        form = FirebaseForm(request.POST, request.FILES)
        upload = _read(form.cleaned_data["file"]) if form.is_valid() else b""
        try:
            made = app_credentials.add_fcm(request.site, upload, request.user)
        except Refused as refusal:
            missing = _("Choose the JSON file of the service account.")
            form.add_error("file", refusal.sentence if "file" in request.FILES else missing)
        else:
            return _stored(request, made)
    return _form(request, "subscribers/app_firebase.html", form)


@member(Role.ADMIN)
@never_cache
@require_http_methods(["GET", "POST"])
def apple(request: SiteRequest) -> HttpResponse:
    """Take a .p8 with its ids, and test it at once. What was right stays when another is wrong."""
    if request.method == "POST":
        return _take_apple(request)
    held = app_credentials.current(request.site, Channel.APNS)
    initial, kept = {}, ""
    if held is not None:
        initial = {
            "key_id": held.details["key_id"],
            "team_id": held.name,
            "bundle_ids": "\n".join(held.details["bundle_ids"]),
        }
        kept = _("Only for a new key: the present one is kept without it.")
    form = AppleForm(initial=initial, kept=kept)
    return _form(request, "subscribers/app_apple.html", form)


def _take_apple(request: SiteRequest) -> HttpResponse:
    data, file, waiting = request.POST.copy(), request.FILES.get("file"), f"p8:{request.site.pk}"
    if file and not data.get("key_id") and (named := _KEY_ID_OF_NAME.fullmatch(file.name or "")):
        data["key_id"] = named[1]
    kept = show_once.take(request, waiting).encode()
    upload = _read(file) if file else kept
    form = AppleForm(data, request.FILES)
    errors: dict[str, str] = {}
    if form.is_valid():
        fields = form.cleaned_data
        ids = fields["key_id"], fields["team_id"], fields["bundle_ids"].splitlines()
        try:
            made = app_credentials.add_apns(request.site, upload, *ids, request.user)
        except Refused as refusal:
            errors = refusal.errors
        else:
            return _stored(request, made)
    if pem := _p8(upload):
        # Browsers don't keep a chosen file, and Apple gives it only once.
        show_once.put(request, waiting, pem)
        note = _("Your file is kept for ten minutes: choose it again only to change it.")
        form = AppleForm(data, kept=note)
    for field, sentence in errors.items():
        form.add_error(field, sentence)
    return _form(request, "subscribers/app_apple.html", form)


def _read(file: UploadedFile[bytes] | None) -> bytes:
    return file.read(app_files.MOST_BYTES + 1) if file else b""


def _p8(upload: bytes) -> str:
    """The key of a right file, else ""."""
    try:
        return app_files.apns_key(upload).decode()
    except app_files.BadFile:
        return ""


def _form(request: SiteRequest, template: str, form: FirebaseForm | AppleForm) -> HttpResponse:
    return render(request, template, {"nav": "settings", "tab": "apps", "form": form})


def _stored(request: SiteRequest, made: Credential) -> HttpResponse:
    if app_checks.check(made):
        messages.success(request, _("The key is stored. The test says what is left to do."))
    else:
        messages.success(request, _("The key is stored, and it works."))
    return redirect("subscribers:apps", request.site.pk)


def _credential(request: SiteRequest, credential_id: int) -> Credential:
    return get_object_or_404(app_credentials.of_site(request.site), pk=credential_id)


@member(Role.ADMIN)
@require_POST
def app_test(request: SiteRequest, credential_id: int) -> HttpResponse:
    """Ask the push service whether it takes the key. Nobody gets anything."""
    credential = _credential(request, credential_id)
    if not cache.add(f"app-key-test:{credential.pk}", 1, timeout=CHECKED_AGAIN):
        messages.error(request, _("It was tested just now. Test it again in ten seconds."))
    elif not app_checks.check(credential):
        messages.success(request, _("The key works."))
    return redirect("subscribers:apps", request.site.pk)


@member(Role.ADMIN)
@require_POST
def app_remove(request: SiteRequest, credential_id: int) -> HttpResponse:
    """Remove a key that no device has."""
    try:
        app_credentials.remove(_credential(request, credential_id), by=request.user)
        messages.success(request, _("The key is removed."))
    except Refused as refusal:
        messages.error(request, refusal.sentence)
    return redirect("subscribers:apps", request.site.pk)


@member(Role.ADMIN)
@require_POST
def app_key(request: SiteRequest) -> HttpResponse:
    """Make an app key, in the place of any former one, or switch the public form off."""
    if request.POST.get("act") == "off":
        app_registration.switch_off(request.site, by=request.user)
        messages.success(request, _("Apps can't register devices by themselves any more."))
    else:
        app_registration.make_app_key(request.site, by=request.user)
        messages.success(request, _("The app key is made. Build it into your apps."))
    return redirect("subscribers:apps", request.site.pk)


@member(Role.ADMIN)
@never_cache
@require_POST
def identity_key(request: SiteRequest) -> HttpResponse:
    """Set the key whose signatures on identities count, or none."""
    form = IdentityKeyForm(request.POST)
    if form.is_valid():
        try:
            text = form.cleaned_data["public_key"]
            app_registration.set_identity_key(request.site, text, by=request.user)
        except app_registration.BadKey as bad:
            form.add_error("public_key", bad.sentence)
            if "PRIVATE KEY" in text:
                form.data = {}  # not shown again, and not sent again either
        else:
            messages.success(request, _("The public key is saved."))
            return redirect("subscribers:apps", request.site.pk)
    return _page(request, form)
