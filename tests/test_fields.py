"""Fields as people meet them: label, hint, counter, help, and errors that say what to do."""

from django import forms
from django.template import Context, Template

from accounts.look import fields_form


class EveryField(forms.Form):
    title = forms.CharField(
        max_length=40,
        widget=forms.TextInput(attrs={"data-counter": 40, "class": "form-control-code"}),
    )
    body = forms.CharField(help_text="Two lines.", widget=forms.Textarea)
    topic = forms.ChoiceField(choices=[("a", "A")])
    agree = forms.BooleanField(help_text="You can leave.")
    way = forms.ChoiceField(choices=[("x", "X"), ("y", "Y")], widget=forms.RadioSelect)
    secret = forms.CharField(widget=forms.HiddenInput, required=False)


def page_with(form: forms.Form) -> str:
    return Template("{% load crispy_forms_tags %}{% crispy form %}").render(
        Context({"form": form, "csrf_token": "token"})
    )


def test_field_has_label_help_and_counter() -> None:
    html = page_with(EveryField(initial={"title": "Héllo"}))
    assert '<label class="field-label" for="id_title">Title</label>' in html
    assert "5 of 40" in html
    assert 'aria-describedby="id_title_hint"' in html
    assert 'class="form-control-code form-control"' in html
    assert 'aria-describedby="id_body_helptext"' in html
    assert "<legend>Way</legend>" in html
    assert "novalidate" in html
    assert "error-summary" not in html


def test_refused_form_says_what_is_wrong_beside_the_field_and_at_the_top() -> None:
    html = page_with(EveryField({"way": "x", "topic": "a", "body": "b"}))
    assert "2 things need your attention" in html
    assert 'href="#id_title"' in html and 'href="#id_agree"' in html
    assert 'aria-describedby="id_title_hint id_title_error"' in html
    assert 'aria-describedby="id_agree_helptext id_agree_error"' in html
    assert 'aria-invalid="true"' in html
    assert 'id="id_title_error" class="field-errors"' in html
    assert 'tabindex="-1" data-focus' in html


def test_group_of_choices_is_tied_to_its_error() -> None:
    html = page_with(EveryField({"title": "a", "topic": "a", "body": "b", "agree": "on"}))
    assert 'href="#id_way"' in html
    assert 'id="id_way" tabindex="-1" aria-describedby="id_way_error"' in html


def test_error_of_the_whole_form_is_in_the_summary() -> None:
    form = EveryField({"title": "a", "topic": "a", "body": "b", "agree": "on", "way": "x"})
    form.add_error(None, "These two do not go together.")
    assert "<li>These two do not go together.</li>" in page_with(form)


def test_hint() -> None:
    html = page_with(fields_form())
    assert 'id="id_name_hint">Only your team sees it</span>' in html
    assert "33 of about 120" in html
