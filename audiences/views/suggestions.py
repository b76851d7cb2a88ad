"""Values to pick from while a rule is written."""

from dataclasses import asdict

from django.http import JsonResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.access import SiteRequest, member
from accounts.models import Role
from audiences import suggestions
from subscribers.incoming import storable

NAMES = ("field", "name", "property", "q")


@member(Role.VIEWER)
@require_safe
def index(request: SiteRequest) -> JsonResponse:
    """{"values": [{"value", "label", "count"}], "all": bool}; 400 {"error": sentence}.

    `q` is what was typed of a value so far.
    """
    field, name, of_property, q = (request.GET.get(asked, "") for asked in NAMES)
    if not storable([field, name, of_property, q]):
        return _refused(_("A text has characters that cannot be stored."))
    try:
        found = suggestions.values(request.site, field, name, of_property, q)
    except suggestions.Unknown as error:
        return _refused(str(error))
    covered = suggestions.covers_all(request.site, field)
    return JsonResponse({"values": [asdict(one) for one in found], "all": covered})


def _refused(sentence: str) -> JsonResponse:
    return JsonResponse({"error": sentence}, status=400)
