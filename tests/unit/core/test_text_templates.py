"""Templates of texts: in how many parts they go out, in which language, and what is wrong with one."""

from datetime import timedelta

import pytest

from core.text.templates import CODE, MAX_VALUE, TextTemplate, WhatsAppTemplate, filled_in, parts_of
from core.work.rules.accounts import TextRules


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("é" * 160, 1),
        ("€" * 80, 1),
        ("€" * 81, 2),
        # An escaped one is not split: 76 in the first part, whose last place stays empty.
        ("€" * 152, 2),
        ("€" * 153, 3),
        ("a" + "€" * 152, 2),
        # A backtick and a ç are not in the alphabet.
        ("`" * 70, 1),
        ("ç" * 71, 2),
        ("ر" * 70, 1),
        ("ر" * 71, 2),
        ("ر" * 134, 2),
        ("ر" * 135, 3),
        ("a" * 69 + "ر", 1),
        ("a" * 70 + "ر", 2),
        # An emoji takes two places, which stay together: 33 in a part of 67.
        ("😀" * 35, 1),
        ("😀" * 36, 2),
        ("😀" * 66, 2),
        ("😀" * 67, 3),
    ],
)
def test_a_text_goes_out_in_as_many_parts_as_are_paid_for(text: str, parts: int) -> None:
    assert parts_of(text) == parts


@pytest.mark.parametrize(
    ("wanted", "language"),
    [("ar", "ar"), ("AR_sa", "ar"), ("pt-BR", "pt-BR"), ("pt", "en"), ("", "en"), ("x" * 99, "en")],
)
def test_a_language_that_is_not_there_becomes_the_nearest_or_the_first(wanted: str, language: str) -> None:
    assert TextTemplate("x", {"en": "a", "ar": "b", "pt-BR": "c"}).language(wanted) == language


def test_values_are_one_line_and_short() -> None:
    values = filled_in({"a": " x\n\ty ", "b": "z" * 1000, "c": 7})
    assert values == {"a": "x y", "b": "z" * MAX_VALUE, "c": "7"}


def test_what_a_value_looks_like_fills_nothing_in() -> None:
    assert TextTemplate("x", {"en": "{a}"}).texts["en"].format_map({"a": "{b}"}) == "{b}"


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        (TextRules(), ""),
        (TextRules(code=TextTemplate("code", {})), "has no language"),
        (
            TextRules(code=TextTemplate("code", {"en": "{code} {price}"})),
            "has the placeholders ['code', 'price'] in en",
        ),
        (TextRules(code=TextTemplate("code", {"en": "{code}", "ar": "ر"})), "has the placeholders [] in ar"),
        (TextRules(code=TextTemplate("code", {"en": "{code}" + "ر" * 65})), "goes out in 2 parts in en"),
        (TextRules(templates=(TextTemplate("x", {"en": "{a}" * 11}),)), "goes out in 5 parts in en"),
        (TextRules(templates=(TextTemplate("x", {"en": "{a}"}, WhatsAppTemplate("x", ("b",))),)), "['b'] are no"),
        (TextRules(templates=(TextTemplate("code", {"en": "x"}),)), "two have the same name"),
        (TextRules(channels=("whatsapp",)), "has no channel"),
        (TextRules(patience=timedelta(minutes=1)), "that the next one has replaced"),
        (TextRules(channels=("sms", "whatsapp")), "without a callback"),
    ],
)
def test_what_is_wrong_with_texts_is_said_when_a_process_starts(rules: TextRules, said: str) -> None:
    problems = list(rules.problems("Market"))
    assert bool(problems) == bool(said)
    assert all(said in one for one in problems[:1])


def test_the_usual_code_is_one_part_however_long_the_name_of_a_market_is_within_reason() -> None:
    assert list(CODE.problems({"code": "0" * 6, "title": "M" * 60, "minutes": "10"}, most_parts=1)) == []
