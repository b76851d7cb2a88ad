"""What apps talk to: JSON, without cookies, session or CORS. The protocol is in docs/mobile.md.

An app key stands in the app, so it is no secret: it keeps away whoever only knows a page's source.
What proves a device is its installation id, what proves a person is a signed identity.
"""

import hmac
from dataclasses import replace
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from accounts.addresses import client_address
from accounts.models import Site
from subscribers import app_devices, identity, incoming, incoming_apps, limits, signed_identity
from subscribers.incoming import Change, Refused
from subscribers.ingest import SITE_KEY
from subscribers.views import public

METHODS = "POST, DELETE"


@csrf_exempt
@login_not_required
def devices(request: HttpRequest, site_key: str) -> HttpResponse:
    """POST …/devices/: an app registers, or reports itself again. DELETE: its person leaves."""
    try:
        return _answer(request, site_key)
    except Refused as error:
        return public.refusal(error, METHODS)


def _answer(request: HttpRequest, site_key: str) -> HttpResponse:
    site = Site.objects.filter(key=site_key).first() if SITE_KEY.fullmatch(site_key) else None
    if site is None:
        raise Refused("not_found", "There is no such site.", status=404)
    if request.headers.get("Origin"):
        # Pages have one whenever they post, apps never: a page uses subscriptions/.
        raise Refused("origin", "Apps register here, pages of a browser do not.", status=403)
    if request.method not in {"POST", "DELETE"}:
        raise Refused("method", "Only POST and DELETE are answered here.", status=405)
    public.check_rate(limits.wait(site.key, client_address(request)))
    data = public.read_body(request)
    _check_app_key(site, incoming.text_in(data, "app_key"))
    if request.method == "DELETE":
        app_devices.unregister(app_devices.find(site, incoming_apps.install_id(data)))
        return HttpResponse(status=204)
    wanted = incoming_apps.read_device(data)
    wanted = replace(wanted, person=_verified(site, data, wanted.person))
    device, new = app_devices.register(site, wanted)
    answer = {"id": str(device.public_id), "state": device.state}
    return JsonResponse(answer, status=201 if new else 200, headers={"Cache-Control": "no-store"})


def _check_app_key(site: Site, given: str) -> None:
    if not site.app_key:
        sentence = "No app can register: an admin makes an app key under Settings, Mobile apps."
        raise Refused("apps_off", sentence, status=403)
    if not hmac.compare_digest(site.app_key.encode(), given.encode()):
        sentence = "This is not the site's app key."
        raise Refused("app_key", sentence, field="app_key", status=403)


def _verified(site: Site, data: dict[str, Any], wanted: Change) -> Change:
    """What an app may change of a person: who it is, where the site asks for it, is signed."""
    wanted = replace(wanted, signature=None)
    token = incoming.text_in(data, "identity")
    if not token:
        if wanted.external_id is not None and site.identity_required:
            _refuse_identity("This site requires a signed identity.")
        identity.check_signature(site, wanted)
        return wanted
    external_id = signed_identity.read(site, token)
    if wanted.external_id not in (None, external_id):
        _refuse_identity("The signed identity is of another external id.")
    return replace(wanted, external_id=external_id)


def _refuse_identity(sentence: str) -> None:
    raise Refused("identity", sentence, field="identity", status=403)
