"""Tokens of every script, and their numbers."""

import sys
import unicodedata

import numpy as np
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ballast.project.errors import UserError
from ballast.texts import tokens as module
from ballast.texts.packing import packed
from ballast.texts.tokens import PADDING, RESERVED, UNKNOWN, Encoder, build_vocabulary, tokenize

LETTERS = st.sampled_from(" '’\n\xa0aΣé\u0301\u2000👍🏽")


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("L'entreprise", ["l'", "entreprise"]),
        ("L’entreprise", ["l'", "entreprise"]),
        ("qu'il n'y a", ["qu'", "il", "n'", "y", "a"]),
        ("dell'arte", ["dell'", "arte"]),
        ("aujourd’hui", ["aujourd'hui"]),
        ("don't we'll it's", ["don't", "we'll", "it's"]),
        ("'quoted' words'", ["quoted", "words"]),
        ("l'été à Noël, cœur ÇA", ["l'", "été", "à", "noël", "cœur", "ça"]),
        ("3,5 % de 1 000 €!", ["3", "5", "%", "de", "1", "000", "€", "!"]),
        ("covid19", ["covid", "19"]),
        ("السّلام عليكم", ["السّلام", "عليكم"]),
        ("שלום, עולם", ["שלום", "עולם"]),
        ("我喜欢iPhone很", ["我", "喜", "欢", "iphone", "很"]),
        ("スーパー", ["ス", "ー", "パ", "ー"]),
        ("한국어 처리", ["한국어", "처리"]),
        ("हिन्दी", ["हिन्दी"]),
        ("ok🎉🎉😀", ["ok", "🎉", "🎉", "😀"]),
        ("👩‍👩‍👧 👍🏽", ["👩‍👩‍👧", "👍🏽"]),
        ("🇫🇷🇩🇪", ["🇫🇷", "🇩🇪"]),
        ("NaN null None", ["nan", "null", "none"]),
        ("...", []),
        ("", []),
    ],
)
def test_a_text_has_these_tokens(text, tokens):
    assert tokenize(text) == tokens


@given(st.text())
def test_composed_and_decomposed_text_have_equal_tokens(text):
    composed, decomposed = (unicodedata.normalize(form, text) for form in ("NFC", "NFD"))
    assert tokenize(composed) == tokenize(decomposed) == tokenize(text)


@given(st.text())
def test_tokens_contain_only_what_the_text_contains_and_no_space(text):
    folded = unicodedata.normalize("NFC", text).lower().translate(str.maketrans("’ʼ＇", "'''"))
    place = 0
    for token in tokenize(text):
        assert token
        assert not any(letter.isspace() for letter in token)
        place = folded.index(token, place) + len(token)


@given(st.text(alphabet=st.one_of(st.characters(), LETTERS)))
def test_tokens_of_pieces_are_those_of_the_whole_text(text):
    assert tokenize(text) == module._tokens_of(text)


def test_the_cache_is_limited(monkeypatch):
    monkeypatch.setattr(module, "MOST_PIECES", 2)
    pieces = module._Pieces(str.upper)
    asked = ["a", "b", "c", "d" * 100, "a"]
    assert [pieces[piece] for piece in asked] == [piece.upper() for piece in asked]
    assert dict(pieces) == {"a": "A", "b": "B"}


@given(st.lists(st.lists(st.sampled_from("abcdefg")), min_size=1), st.integers(1, 9))
def test_the_vocabulary_has_the_most_frequent_tokens_in_order(texts, size):
    counts = {token: sum(text.count(token) for text in texts) for token in "abcdefg"}
    expected = sorted((t for t in counts if counts[t] >= 2), key=lambda t: (-counts[t], t))
    if expected:
        assert build_vocabulary(texts, size, min_count=2) == expected[:size]
    else:
        with pytest.raises(UserError, match="lower min_count"):
            build_vocabulary(texts, size, min_count=2)


@given(st.lists(st.lists(st.sampled_from("abcde"))), st.integers(1, 6))
def test_numbers_decode_to_the_truncated_texts(texts, longest):
    vocabulary = ["c", "a", "b"]
    tokens, offsets = Encoder(vocabulary, longest)([" ".join(text) for text in texts])
    assert tokens.dtype == np.uint16
    assert PADDING not in tokens
    words = {UNKNOWN: "?", **dict(enumerate(vocabulary, RESERVED))}
    for i, text in enumerate(texts):
        expected = [word if word in vocabulary else "?" for word in text[:longest]]
        assert [words[n] for n in tokens[offsets[i] : offsets[i + 1]].tolist()] == expected
    assert offsets[-1] == len(tokens)


@given(st.lists(st.text(alphabet=st.one_of(st.characters(codec="utf-8"), LETTERS))))
def test_texts_of_every_script_are_numbered_as_they_are_tokenized(texts):
    vocabulary = sorted({token for text in texts for token in tokenize(text)})[::2]
    tokens, offsets = Encoder(vocabulary, max_tokens=4)(texts)
    words = dict(enumerate(vocabulary, RESERVED))
    for text, first, end in zip(texts, offsets, offsets[1:], strict=False):
        expected = [word if word in vocabulary else None for word in tokenize(text)[:4]]
        assert [words.get(number) for number in tokens[first:end].tolist()] == expected


def test_arrow_splits_like_python():
    text = "a".join(chr(c) for c in range(sys.maxunicode + 1) if not 0xD800 <= c < 0xE000)
    split = pc.utf8_split_whitespace(packed([text.encode()], "string"))
    assert [piece for piece in split.values.to_pylist() if piece] == text.split()


def test_a_large_vocabulary_has_wide_enough_numbers():
    vocabulary = [str(number) for number in range(2**16)]
    tokens, _ = Encoder(vocabulary, 5)([vocabulary[-1]])
    assert tokens.tolist() == [2**16 + 1]
