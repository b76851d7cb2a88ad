import pytest
from django.utils import translation

from audiences import languages


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("nb", "nb"),
        ("NB-no", "nb-no"),
        (" Norwegian Bokmål ", "nb"),
        ("norsk (bokmål)", "nb"),
        ("english", "en"),
        ("Deutsch", "de"),
        ("tlh", "tlh"),
        ("Klingonish", ""),
        ("", ""),
        ("e", ""),
        ("en_GB", ""),
    ],
)
def test_understands_codes_and_names(text: str, code: str) -> None:
    assert languages.code(text) == code


def test_every_label_leads_back_to_its_code() -> None:
    for code in ("en", "nb", "de", "sv", "fi", "pt-br", "zh-hans", "tlh"):
        assert languages.code(languages.label(code)) == code


def test_understands_names_in_the_language_of_the_page() -> None:
    with translation.override("de"):
        assert languages.label("fr") == "Französisch"
        assert languages.code("Französisch") == "fr"
