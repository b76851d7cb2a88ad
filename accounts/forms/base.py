"""What all forms share."""

from crispy_forms.helper import FormHelper


def helper() -> FormHelper:
    """Fields only: the template writes the form element, the token and the buttons."""
    made = FormHelper()
    made.form_tag = False
    made.disable_csrf = True
    return made
