"""Every sentence shown to people has a Korean translation with the same placeholders."""

from __future__ import annotations

import ast
import re
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po
from jinja2 import Environment, nodes

import environment
import main
import preprocess
from ml.features import dynamics
from ml.report import errors, lyrics_text, sentences
from ml.report.stages import STAGES
from ml.report.translation import ENGLISH, NOTES, Translator
from ml.similarity.reasons import FIFTH, PARALLEL, RELATIVE, SAME_KEY
from tests.sources import ROOT, python_files
from web.api import openapi, uploads
from web.pages import genre_texts, library_pages, scan_pages, song_pages

KOREAN = ROOT / "translations/ko/LC_MESSAGES/messages.po"
# Modules that define errors, loaded so that all error types are known.
ERROR_MODULES = tuple(
    import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
    for path in python_files()
    if re.search(r"^ +sentence(: ClassVar\[str\])? = ", path.read_text(encoding="utf-8"), re.MULTILINE)
)
GENRES = ("blues", "classical", "country", "disco", "hiphop", "jazz", "metal", "pop", "reggae", "rock")
RELATIONS = (SAME_KEY, RELATIVE, PARALLEL, FIFTH)
COUNTED = preprocess.COUNTED.values()
TABLED = (
    *(
        *genre_texts.SENTENCES,
        *(stage.label for stage in STAGES.values()),
        *song_pages.STATES.values(),
        *(example.title for example in uploads.EXAMPLES.values()),
    ),
    *(*library_pages.COLUMNS.values(), *scan_pages.COUNTS.values(), *scan_pages.MESSAGES.values()),
    *openapi.SENTENCES,
    *(text for endpoint in openapi.DECLARED for text in endpoint.texts()),
    *environment.REQUIREMENTS,
    *lyrics_text.SOURCES.values(),
    *(dynamics.TITLE, *dynamics.TEXTS.values(), *sentences.PLAIN_TEMPO_RATIOS),
)
"""Sentences that the pages take from a table."""
TEMPLATES = sorted(path for path in (ROOT / "templates").rglob("*") if path.suffix in (".html", ".svg"))
NAMES = {"Sori", "소리", "BPM", "JSON", "CSV"}
"""What is the same in every language."""
READ_ALOUD = ("alt", "title", "placeholder", "aria-label", "aria-description", "aria-valuetext", "label")
MODES_AND_MOODS = ("major", "minor", "calm", "exciting")


def read_catalogue() -> Catalog:
    with KOREAN.open("rb") as file:
        return read_po(file)


def error_types() -> list[type[errors.SoriError]]:
    found = [errors.SoriError]
    for kind in found:
        found.extend(kind.__subclasses__())
    return [kind for kind in found if not kind.__module__.startswith("tests.")]


def templates_in_code(path: Path) -> set[str]:
    """The literal templates in calls of `translator.translate(...)`, given directly or through a local `template`."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "translate":
            found |= {arg.value for arg in node.args if isinstance(arg, ast.Constant)}
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "template":
            choices = (node.value.body, node.value.orelse) if isinstance(node.value, ast.IfExp) else (node.value,)
            found |= {ast.literal_eval(choice) for choice in choices}
    return found


def templates_in_page(source: str) -> set[str]:
    """The literal templates in calls of `_(...)` in a page."""
    calls = Environment(autoescape=True).parse(source).find_all(nodes.Call)
    first = [call.args[0] for call in calls if isinstance(call.node, nodes.Name) and call.node.name == "_"]
    return {argument.value for argument in first if isinstance(argument, nodes.Const)}


class UntranslatedWords(HTMLParser):
    """Collects the words that a page's source contains outside of `_(...)`, and so in one language only."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self._code = False
        self.feed(re.sub(r"{#.*?#}|{%.*?%}|{{.*?}}", "", source, flags=re.DOTALL))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._code = tag in ("script", "style")
        for name, value in attrs:
            if name in READ_ALOUD and value:
                self.handle_data(value)

    def handle_endtag(self, tag: str) -> None:
        self._code = False

    def handle_data(self, data: str) -> None:
        if not self._code:
            self.words += [word for word in re.findall(r"[^\W\d_]{2,}", data) if word not in NAMES]


def needed() -> set[str]:
    used = set().union(*(templates_in_code(path) for path in python_files()))
    used |= set().union(*(templates_in_page(path.read_text(encoding="utf-8")) for path in TEMPLATES))
    return (
        used
        | {kind.sentence for kind in error_types()}
        | {*NOTES, *GENRES, *MODES_AND_MOODS, *RELATIONS, *COUNTED, *TABLED}
    )


def test_the_search_finds_the_sentences() -> None:
    assert {
        "Sounds like {genre} ({percent}).",
        "One semitone lower.",
        "Tempo",
        "loading the model",
        "Skip to content",
    } <= needed()


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_page_has_no_untranslated_words(path: Path) -> None:
    assert UntranslatedWords(path.read_text(encoding="utf-8")).words == []


def test_untranslated_words_are_found() -> None:
    page = '<p title="{{ x }} here">Sori says {{ _("this") }}</p><script>let a</script>{# no #}<b>12 h</b>'
    assert UntranslatedWords(page).words == ["here", "says"]
    assert templates_in_page('{{ _("a {b}", b=_(c)) }}{{ other("d") }}') == {"a {b}"}


@pytest.mark.parametrize("sentence", sorted(needed()))
def test_every_sentence_is_translated_into_korean(sentence: str) -> None:
    message = read_catalogue().get(sentence)
    assert message is not None, f"no translation of {sentence!r} in {KOREAN.name}"
    assert not message.fuzzy
    assert re.search("[가-힣&]|BPM|{tonic}", message.string)
    assert placeholders(message.string) == placeholders(sentence)


def placeholders(template: str) -> set[str]:
    return set(re.findall(r"{.+?}", template))


def test_the_compiled_catalogue_is_used() -> None:
    assert Translator("ko").translate("reggae") == "레게"
    assert ENGLISH.translate("reggae") == "reggae"


def test_an_unknown_language_is_english() -> None:
    assert Translator("xx").translate("Tempo") == "Tempo"


def test_a_language_without_a_compiled_catalogue_is_english(tmp_path: Path) -> None:
    assert Translator("ko", catalogues=tmp_path).translate("Tempo") == "Tempo"


def test_an_empty_sentence_stays_empty() -> None:
    assert Translator("ko").translate("") == ""


def test_braces_in_a_name_are_not_placeholders() -> None:
    assert Translator("ko").translate("a {label}") == "a {label}"
    error = environment.SettingError(name="SORI_DEBUG", value="{reason}", format="1 or 0")
    assert "{reason}" in Translator("ko").explain(error)


@pytest.mark.parametrize(
    ("note", "korean"),
    [
        ("Only the first 20 minutes were analysed.", "앞부분 20분만 분석했어요."),
        ("Only the first 90 seconds were analysed.", "앞부분 90초만 분석했어요."),
        ("Something new.", "Something new."),
    ],
)
def test_a_stored_note_is_translated(note: str, korean: str) -> None:
    assert Translator("ko").translate_filled(note) == korean
    assert ENGLISH.translate_filled(note) == note


class TextLikeError(errors.AudioError):
    sentence = "This is {format}, not audio. Choose the audio file itself."


def test_a_format_is_translated_but_a_path_is_not() -> None:
    explained = Translator("ko").explain(TextLikeError(format="a text file"))
    assert explained.startswith("오디오가 아니라 텍스트 파일이에요")
    assert "rock" in Translator("ko").explain(main.NothingToAnalyseError(folder="rock"))
