"""Addresses of the components page alone."""

from django.urls import path

from accounts.look import look

urlpatterns = [path("look/", look)]
