"""Text as tokens, for what is stored and what is asked alike."""

# ruff: noqa: RUF001
from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardgen.errors import QueryError
from cardgen.registry.search import asking
from cardgen.registry.search.asking import Phrase, Question, Term
from cardgen.registry.search.postings import GAP, MOST_OF_ONE, ROOM, columns
from cardgen.registry.search.segment import LONGEST, segment, words
from cardgen.registry.search.texts import PARTS, Text, of_cards_once

SCRIPTS = (
    "aZ0_-@.' éÉßŁİıﬁ２½㎏²", "абвЙё", "אָ֑ב", "القانونيّإأآٱىئؤةـ٣۴کی\u200c", "漢字東京ひらカナーｶﾞ々。・",
    "한글서울ᄒ\u1161\u11ab", "การค้นหำ", "हिन्दी", "\0\ud800\udfff\ufeff\u0301\u20e3\U0001f680\U000e0041",
)  # fmt: skip
TEXTS = st.text(st.sampled_from("".join(SCRIPTS)), max_size=40) | st.text(max_size=20)


def tokens(text: str) -> list[str]:
    """The tokens of a text, without their places."""
    return [token.text for token in segment(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The Best, of both", ["the", "best", "of", "both"]),
        ("all-MiniLM-L6-v2", ["all", "minilm", "l6", "v2"]),
        ("ndcg@10", ["ndcg", "10"]),
        ("learning_rate=5e-05", ["learning", "rate", "5e", "05"]),
        ("École e\u0301cole ÉCOLE", ["ecole"] * 3),
        ("Straße STRASSE İstanbul Łódź Ærø", ["strasse", "strasse", "istanbul", "lodz", "aero"]),
        ("ﬁne ｆｉｎｅ Ⅷ x² ㎏", ["fine", "fine", "viii", "x2", "kg"]),
        ("Ёлка ёлка", ["елка", "елка"]),
        ("שָׁלוֹם שלום", ["שלום", "שלום"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("soft\u00adhyphen می\u200cخواهم", ["softhyphen", "ميخواهم"]),
        ("٣٤ ۳۴ ３４ 34", ["34"] * 4),
        ("\0\ud800 🚀 …", []),
        ("x" * 100, ["x" * LONGEST]),
        ("é" * 100, ["e" * LONGEST]),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    """Words are letters and digits, without case, accents, width and invisible characters; a long one is cut."""
    assert tokens(text) == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("قَانُونٌ", "قانون"),
        ("أحمد إحمد آحمد ٱحمد", "احمد احمد احمد احمد"),
        ("قانـــون", "قانون"),
        ("مدرسة على", "مدرسه علي"),
        ("کتابی", "كتابي"),
    ],
)
def test_arabic_is_one_with_and_without_signs(one: str, other: str) -> None:
    """Vowel signs and tatweel do not count; forms of alef, ya, ta marbuta and kaf are one letter each."""
    assert tokens(one) == tokens(other)


def test_an_arabic_word_has_itself_without_its_article() -> None:
    """`القانون`, `والقانون` and `للقانون` have `قانون` in them; a short word is not cut."""
    assert [token.parts for token in segment("القانون والقانون للقانون قانون الى")] == [("قانون",)] * 3 + [(), ()]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("東京都", ["東京", "京都", "都"]),
        ("日本の首都です。", ["日本", "本の", "の首", "首都", "都で", "です", "す"]),
        ("モデル・カード", ["モデ", "デル", "ル", "カー", "ード", "ド"]),
        ("ｶﾞｷﾞ か\u3099き\u3099", ["ガギ", "ギ", "がぎ", "ぎ"]),
        ("서울에서 법률", ["서울", "울에", "에서", "서", "법률", "률"]),
        (unicodedata.normalize("NFD", "서울"), ["서울", "울"]),
        ("ค้น", ["ค้", "้น", "น"]),
        ("GPT模型v2", ["gpt", "模型", "型", "v2"]),
        ("第3章", ["第", "3", "章"]),
    ],
)
def test_scripts_without_blanks(text: str, expected: list[str]) -> None:
    """Each letter begins a token of itself and the next one; the last of a run stands alone."""
    assert tokens(text) == expected


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("MultipleNegativesRankingLoss", ("multiple", "negatives", "ranking", "loss")),
        ("MiniLM", ("mini", "lm")),
        ("ColBERTv2", ("col", "bert", "v2")),
        ("使用MiniLM", ("mini", "lm")),
        ("Loss", ()),
        ("NLI", ()),
        ("l6", ()),
        ("Ab" * 100, ()),
    ],
)
def test_names_of_several_words_have_their_parts(text: str, parts: tuple[str, ...]) -> None:
    """A capital inside begins a part; a word that is written in one way has none."""
    assert list(segment(text))[-1].parts == parts


@given(TEXTS)
def test_a_token_stands_where_it_says(text: str) -> None:
    """Offsets are in order and inside the text, and what stands there is the token, whatever surrounds it."""
    last = 0
    for token in segment(text):
        assert last <= token.start < token.end <= len(text)
        last = token.start
        alone = tokens(text[token.start : token.end])
        assert token.text in ("".join(alone), *alone)


@given(TEXTS)
def test_tokens_are_of_letters_and_digits_that_stay(text: str) -> None:
    """Nothing in a token would be split, folded or refused by a database, and cutting it again gives it again."""
    for token in segment(text):
        assert 0 < len(token.text) <= LONGEST
        assert all(unicodedata.category(letter)[0] in "LNM" for letter in token.text)
        assert token.text == token.text.lower() or token.text.isascii() is False
        token.text.encode()
        if not token.text.isascii():
            continue
        assert tokens(token.text) == [token.text]


@given(TEXTS)
def test_words_are_the_tokens_without_their_places(text: str) -> None:
    """What is indexed is what is marked."""
    assert list(words(text)) == [(token.text, token.parts) for token in segment(text)]


@given(TEXTS, TEXTS)
def test_a_word_is_found_in_any_sentence(before: str, after: str) -> None:
    """What is asked for stands as a phrase in every text that has it between blanks."""
    for word in ("首都", "법률", "القانون", "all-MiniLM-L6-v2", "ข้อมูล"):
        [term] = asking.read(word).wanted
        phrase = term.phrases[0].tokens
        found = tokens(f"{before} {word} {after}")
        assert any(tuple(found[at : at + len(phrase)]) == phrase for at in range(len(found)))


@pytest.mark.parametrize(
    "text", ["e" + "\u0301\u0323" * 100_000, "漢" * 300_000, "aB" * 150_000, "a\u200d" * 150_000, "<!--" * 75_000]
)
def test_hostile_texts_are_cut_in_one_go(text: str) -> None:
    """Marks, words and comments without end: what grew by the square of it would not come to an end here."""
    found = [token for one in of_cards_once([("run", text)]) for token in segment(one.text)]
    assert len(found) <= len(text)
    assert columns([Text("cards", "card", text)])


# What is asked


@pytest.mark.parametrize(
    ("text", "wanted", "unwanted"),
    [
        ("legal reranker", ["legal", "reranker"], []),
        ("legal legal", ["legal"], []),
        ('"legal reranker"', ["legal reranker"], []),
        ("“legal reranker”", ["legal reranker"], []),
        ('legal -german -"old model"', ["legal"], ["german", "old model"]),
        ("all-MiniLM-L6-v2", ["all minilm l6 v2 | all mini lm l6 v2"], []),
        ("ndcg@10", ["ndcg 10"], []),
        ("rerank*", ["rerank*"], []),
        ('"legal rerank"*', ["legal rerank*"], []),
        ("東京都", ["東京 京都"], []),
        ("都", ["都*"], []),
        ("第3章", ["第 3 章*"], []),
        ("القانون", ["القانون | قانون"], []),
        ('"القانون"', ["القانون"], []),
        ("legal\u3000資料 - & !!! 🚀 \0", ["legal", "資料"], []),
        ('open "quote', ["open", "quote"], []),
        ('NEAR(a b) OR name:c ^d {e} "f" AND', ["near a", "b", "or", "name c", "d", "e", "f", "and"], []),
    ],
)
def test_questions(text: str, wanted: list[str], unwanted: list[str]) -> None:
    """Blanks part words, quotes make phrases, `-` excludes, `*` is a beginning; all else is data."""

    def shown(term: Term) -> str:
        return " | ".join(" ".join(one.tokens) + "*" * one.is_prefix for one in term.phrases)

    question = asking.read(text)
    assert [shown(term) for term in question.wanted] == wanted
    assert [shown(term) for term in question.unwanted] == unwanted


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no word"),
        (" \t", "no word"),
        ('!!! 🚀 "" -', "no word"),
        ("-german", "only says what not to find"),
        ("x" * 10_001, "10,001 characters"),
        ("a " * 101 + "b" * 0 + " ".join(f"w{n}" for n in range(101)), "more than 100 words"),
        ("漢" * 5000, "more than 100 words"),
    ],
)
def test_a_question_that_asks_for_nothing_or_too_much(text: str, message: str) -> None:
    """It is a usage error that says why."""
    with pytest.raises(QueryError, match=message) as caught:
        asking.read(text)
    assert caught.value.exit_code == 2
    assert caught.value.hint


@given(TEXTS)
def test_any_text_is_a_question_or_an_error(text: str) -> None:
    """There is nothing that cannot be asked."""
    try:
        found = asking.read(text)
    except QueryError:
        return
    assert found.wanted
    assert found == Question(found.wanted, found.unwanted)
    assert all(isinstance(one, Phrase) and one.tokens for term in found.wanted for one in term.phrases)


# What is indexed


def test_columns_keep_within_what_both_engines_can() -> None:
    """A run has so many positions, so many times a token, so many bytes; the rest is left out, the gaps stay."""
    texts = [
        Text("names", "name", " ".join(f"w{n}" for n in range(2 * ROOM["names"]))),
        Text("about", "loss", "same " * 5000),
        Text("cards", "card", " ".join(f"{n}{'é' * 60}" for n in range(20_000))),
        Text("samples", "samples", " ".join(f"AbCd{n}" for n in range(20_000))),
    ]
    found = columns(texts)
    for part, column in zip(PARTS, found, strict=True):
        assert 0 < len(column) <= ROOM[part]
    assert found[1].count("same") == MOST_OF_ONE
    assert sum(len(token.encode()) for column in found for token in set(column)) < 1_000_000
    assert sum(ROOM.values()) + len(PARTS) < 16_383


def test_parts_of_names_break_no_phrase() -> None:
    """What a token is made of stands apart, so that the words beside it stay beside it."""
    [names, *_] = columns([Text("names", "title", "the MiniLM model"), Text("names", "tag", "x")])
    assert names == ["the", "minilm", "model", GAP, "x", GAP, "mini", "lm"]


def test_a_line_counts_once_and_numbers_not_at_all() -> None:
    """Of several cards each line is indexed once, and a table of numbers, or what is commented out, is not."""
    cards = [
        ("/a/README.md", "# Title\nmore of it\n"),
        ("run", "# Title\n| 1 | 0.5 |\nlast <!-- hidden\nhidden --> seen\n"),
    ]
    assert [(text.field, text.text.split()) for text in of_cards_once(cards)] == [
        ("card", ["#", "Title", "last", "seen"]),
        ("card /a/README.md", ["more", "of", "it"]),
    ]
