"""Signing in and out, and the links that let somebody in without a password."""

from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from redis.exceptions import RedisError

from accounts import links, members, onboarding, sessions
from accounts.forms import FirstOwnerForm, JoinForm, NewPasswordForm, SignInForm
from accounts.models import Invitation, User

LONGEST_NEXT = 2_000


def next_address(request: HttpRequest) -> str:
    """Where to go after signing in: a page of ours that was asked for, else the sites."""
    asked = request.POST.get("next") or request.GET.get("next") or ""
    ours = url_has_allowed_host_and_scheme(
        asked, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    # Django takes a word without a slash for the name of a view.
    a_path = asked.startswith("/") and len(asked) <= LONGEST_NEXT
    return asked if ours and a_path else resolve_url("accounts:sites")


@login_not_required
@sensitive_post_parameters("password")
@never_cache
@require_http_methods(["GET", "POST"])
def signin(request: HttpRequest) -> HttpResponse:
    """The sign-in page. django-axes answers instead when there were too many tries."""
    address = next_address(request)
    if request.user.is_authenticated:
        return redirect(address)
    form = SignInForm(request.POST or None)
    status = 200
    if request.method == "POST" and form.is_valid():
        try:
            user = authenticate(request, **form.cleaned_data)
        except RedisError:
            form.add_error(None, _("Redis does not answer, so nobody can sign in right now."))
            status = 503
        else:
            if user is not None:
                sessions.sign_in(request, user)
                return redirect(address)
            form.refuse()
    context = {"form": form, "next": address, "host": urlsplit(settings.PUBLIC_URL).netloc}
    return render(request, "accounts/signin.html", context, status=status)


@login_not_required
@require_safe
def forgotten(request: HttpRequest) -> HttpResponse:
    """Whom to ask for a new password."""
    return render(request, "accounts/forgotten.html")


@require_POST
def signout(request: HttpRequest) -> HttpResponse:
    sessions.sign_out(request)
    return redirect("accounts:signin")


def _ended(request: HttpRequest) -> HttpResponse:
    return render(request, "accounts/link_ended.html", status=404)


@login_not_required
@sensitive_post_parameters("password")
@never_cache
@require_http_methods(["GET", "POST"])
def signin_link(request: HttpRequest, token: str) -> HttpResponse:
    """A one-time link: the first owner's account, or a new password."""
    link = links.find(token, to_site=False)
    if link is None or (not link.email and onboarding.owner_exists()):
        return _ended(request)
    return _new_password(request, link) if link.email else _first_owner(request, link)


def _first_owner(request: HttpRequest, link: Invitation) -> HttpResponse:
    form = FirstOwnerForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            user = onboarding.become_first_owner(link, **form.cleaned_data)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            sessions.sign_in(request, user)
            return redirect("accounts:sites")
    return render(request, "accounts/first_owner.html", {"form": form})


def _new_password(request: HttpRequest, link: Invitation) -> HttpResponse:
    account = User.objects.filter(email=link.email, is_active=True).first()
    if account is None:
        return _ended(request)
    form = NewPasswordForm(request.POST or None, user=account)
    if request.method == "POST" and form.is_valid():
        try:
            user = onboarding.set_password_by_link(link, form.cleaned_data["password"])
        except ValidationError as error:
            form.add_error(None, error)
        else:
            sessions.sign_in(request, user)
            return redirect("accounts:sites")
    return render(request, "accounts/new_password.html", {"form": form, "account": account})


@login_not_required
@sensitive_post_parameters("password")
@never_cache
@require_http_methods(["GET", "POST"])
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """An invitation to a site, for somebody with an account or without."""
    found = links.find(token, to_site=True)
    if found is None:
        return _ended(request)
    if isinstance(request.user, User):
        return _join(request, found, request.user)
    if User.objects.filter(email=found.email).exists():
        query = urlencode({"next": request.path})
        return redirect(f"{reverse('accounts:signin')}?{query}")
    return _join_as_new(request, found)


def _join(request: HttpRequest, found: Invitation, user: User) -> HttpResponse:
    context = {"invitation": found, "fits": user.email == found.email}
    if request.method == "POST":
        try:
            site = members.join(found, user)
        except ValidationError as error:
            return render(request, "accounts/join.html", context | {"problem": error.messages[0]})
        return redirect("campaigns:overview", site.pk)
    return render(request, "accounts/join.html", context)


def _join_as_new(request: HttpRequest, found: Invitation) -> HttpResponse:
    form = JoinForm(request.POST or None, user=User(email=found.email))
    if request.method == "POST" and form.is_valid():
        try:
            user = members.join_as_new(found, **form.cleaned_data)
        except ValidationError as error:
            form.add_error(None, error.messages)
        else:
            sessions.sign_in(request, user)
            return redirect("campaigns:overview", found.site_id)
    return render(request, "accounts/join_as_new.html", {"form": form, "invitation": found})
