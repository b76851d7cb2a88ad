"""Every template compiles, names only what exists, and keeps to the policy without inline code."""

import re
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.template.loader import get_template, render_to_string
from django.urls import get_resolver

from accounts.templatetags.beckon import icon_names

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "templates"
TEMPLATES = sorted(str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*.html"))
TEXTS = {name: (FOLDER / name).read_text() for name in TEMPLATES}
SOURCES = [
    path
    for app in ("accounts", "audiences", "campaigns", "config", "subscribers")
    for path in (ROOT / app).rglob("*.py")
]


def named(pattern: str) -> set[tuple[str, str]]:
    return {(name, found) for name, text in TEXTS.items() for found in re.findall(pattern, text)}


@pytest.mark.parametrize("name", TEMPLATES)
def test_compiles(name: str) -> None:
    get_template(name)


def test_includes_exist() -> None:
    for _, other in named(r"""{%\s*(?:include|extends)\s+["']([^"']+)["']"""):
        get_template(other)


def test_static_files_exist() -> None:
    for name, path in named(r"""{%\s*static\s+["']([^"']+)["']"""):
        assert finders.find(path), f"{name} names static/{path}"


def test_icons_exist() -> None:
    for name, icon in named(r"""{%\s*icon\s+["']([^"']+)["']"""):
        assert icon in icon_names(), f"{name} names the icon {icon}"
    for name, icon in named(r"""(?:icon_name|action_icon)=["']([^"']+)["']"""):
        assert icon in icon_names(), f"{name} names the icon {icon}"


def test_addresses_exist() -> None:
    resolver = get_resolver()
    known = {
        f"{namespace}:{name}"
        for namespace, (_, pattern) in resolver.namespace_dict.items()
        for name in pattern.reverse_dict
        if isinstance(name, str)
    }
    known |= {name for name in resolver.reverse_dict if isinstance(name, str)}
    for name, address in named(r"""{%\s*url\s+["']([^"']+)["']"""):
        assert address in known, f"{name} names the address {address}"


@pytest.mark.parametrize("name", TEMPLATES)
def test_no_inline_code_or_remote_host(name: str) -> None:
    text = re.sub(r"{%\s*comment.*?endcomment\s*%}", "", TEXTS[name], flags=re.S)
    assert not re.search(r"<style|\sstyle=|<[^>]*\son[a-z]+=|javascript:|hx-on|hx-vals=.js:", text)
    assert not re.search(
        r"""<(?:script|link|img|iframe)[^>]+(?:src|href)=["']?(?:https?:)?//""", text
    )
    for attributes in re.findall(r"<script([^>]*)>", text):
        assert "src=" in attributes


@pytest.mark.parametrize("name", TEMPLATES)
def test_texts_can_be_translated(name: str) -> None:
    """No bare sentence: words between tags stand in translate, blocktranslate or a variable."""
    text = re.sub(r"{%\s*comment.*?endcomment\s*%}", "", TEXTS[name], flags=re.S)
    text = re.sub(r"{%\s*blocktranslate.*?endblocktranslate\s*%}", "", text, flags=re.S)
    text = re.sub(r"{%\s*verbatim.*?endverbatim\s*%}", "", text, flags=re.S)
    text = re.sub(r"{%.*?%}|{{.*?}}|{#.*?#}", "", text, flags=re.S)
    text = re.sub(r"<(script|code|pre|svg)\b.*?</\1>", "", text, flags=re.S)
    for words in re.findall(r">([^<>]*[A-Za-z]{3,} [A-Za-z]{2,}[^<>]*)<", text):
        raise AssertionError(f"{words.strip()!r} can't be translated")


@pytest.mark.parametrize("name", ["403.html", "403_csrf.html", "404.html", "500.html"])
def test_error_pages_need_no_request(name: str) -> None:
    page = render_to_string(name)
    assert page.count("<h1") == 1
    assert 'class="brand"' in page


def test_refusal_says_why() -> None:
    assert "only an owner may" in render_to_string("403.html", {"exception": "only an owner may"})


def test_hooks_of_the_scripts_are_used() -> None:
    """A data- attribute that a script listens to stands in a template, a form or the README."""
    pages = "".join(TEXTS.values()) + (FOLDER / "components/README.md").read_text()
    pages += "".join(path.read_text() for path in SOURCES)
    for script in sorted((ROOT / "static/js").glob("*.js")):
        text = script.read_text()
        own = {f"data-{name}" for name in re.findall(r"dataset\.(\w+) =", text)}
        for hook in set(re.findall(r"\[(data-[a-z-]+)", text)) - own:
            assert hook in pages, f"{script.name} listens to {hook}"
