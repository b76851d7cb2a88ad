"""Installing the snippet: what to do, and what has been seen of it."""

from urllib.parse import quote, urlencode, urlsplit

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.access import SiteRequest, member
from accounts.models import Role, Site
from subscribers import installation


def snippet(site: Site) -> str:
    """The two lines to paste before </head>. The first lets calls wait for the second."""
    return (
        "<script>window.beckon=window.beckon||function(){(beckon.q=beckon.q||[])"
        ".push(arguments)}</script>\n"
        f'<script async src="{settings.PUBLIC_URL}/static/push/snippet.js"\n'
        f'  data-site="{site.key}" data-worker="{installation.WORKER_PATH}"></script>'
    )


def policy(site: Site) -> str:
    """What a customer's Content-Security-Policy must allow."""
    public = settings.PUBLIC_URL
    sources = [f"script-src {public}", f"connect-src {public}", "worker-src 'self'"]
    if site.icon_url:
        parts = urlsplit(site.icon_url)
        sources.append(f"img-src {parts.scheme}://{parts.netloc}")
    return ";\n".join(sources)


IDENTIFY = """beckon("identify", "{user id}", "{signature}");"""
SIGN = """# Python
import hashlib, hmac
hmac.new(SECRET.encode(), user_id.encode(), hashlib.sha256).hexdigest()

// Node
crypto.createHmac("sha256", SECRET).update(userId).digest("hex")

// PHP
hash_hmac("sha256", $userId, $secret);"""


@member(Role.MARKETER)
@require_safe
def install(request: SiteRequest) -> HttpResponse:
    site = request.site
    state = installation.state(site)
    context = {
        "nav": "install",
        "snippet": snippet(site),
        "policy": policy(site),
        "identify": IDENTIFY,
        "sign": SIGN,
        "worker_path": installation.WORKER_PATH,
        "worker_url": site.origins[0] + installation.WORKER_PATH,
        "worker_size": _kilobytes(installation.file_size("push/sw.js")),
        "snippet_size": _kilobytes(installation.transfer_size("push/snippet.js")),
        "ask_url": f"{site.origins[0]}/?beckon=ask",
        "mail": _mail(site),
        "may_settings": request.role.includes(Role.ADMIN),
        "state": state,
        "poll": _poll(site, state),
    }
    return render(request, "subscribers/install.html", context)


@member(Role.MARKETER)
@require_safe
def install_state(request: SiteRequest) -> HttpResponse:
    """What has been seen, for the page that looks every two seconds; 204 while nothing is new."""
    state = installation.state(request.site)
    if request.GET.get("known") == state.fingerprint:
        return HttpResponse(status=204)
    context = {"state": state, "poll": _poll(request.site, state), "swapped": True}
    return render(request, "subscribers/install_state.html", context)


def _kilobytes(size: int) -> str:
    return _("%(size)s KB") % {"size": number_format(size / 1000, decimal_pos=1)}


def _poll(site: Site, state: installation.State) -> str:
    """Where the page looks for what it does not know yet."""
    address = reverse("subscribers:install_state", args=[site.pk])
    return f"{address}?{urlencode({'known': state.fingerprint})}"


def _mail(site: Site) -> str:
    """A mailto: address with these steps in plain text."""
    text = render_to_string(
        "subscribers/install_mail.txt",
        {
            "site": site,
            "snippet": snippet(site),
            "policy": policy(site),
            "worker_path": installation.WORKER_PATH,
            "worker_file": f"{settings.PUBLIC_URL}/static/push/sw.js",
        },
    )
    subject = _("Push notifications for %(host)s") % {"host": site.host}
    return f"mailto:?subject={quote(subject)}&body={quote(text)}"
