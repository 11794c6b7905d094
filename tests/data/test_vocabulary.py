"""Vocabularies: text comes back from its numbers, in every unit and script, and no text turns into a control token."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gyebo.config import from_mapping
from gyebo.data.vocabulary import SPACE_MARK, Vocabulary, VocabularyConfig
from gyebo.errors import GyeboError, UsageError
from gyebo.models.interfaces import END, FIRST_TOKEN, SPECIAL_TOKENS, UNKNOWN

UNITS = ("word", "character", "bpe")
CORPUS = [
    "le 3 mars 2009, <fr> à l'été !",
    "2009년 3월 3일 화요일 <ko>",
    "ㄱㄴㅏ 👩‍👩‍👧 🙂 e\u0301 <pad> <eos>",
    "the the the the",
]
LETTERS = "".join(sorted(set("".join(CORPUS)))) + "  \t\n\u00a0▁"


def learn(unit: str, texts: list[str] = CORPUS, **options: object) -> Vocabulary:
    return Vocabulary.train(texts, from_mapping(VocabularyConfig, {"unit": unit, "min_count": 1, **options}))


VOCABULARIES = {unit: learn(unit) for unit in UNITS}
MADE_OF_CORPUS = st.lists(st.sampled_from(" ".join(CORPUS).split()), max_size=6).map(" ".join)


def tokens(vocabulary: Vocabulary, text: str) -> list[str]:
    return vocabulary.names(vocabulary.encode([text])[0][:-1])


def round_trip(vocabulary: Vocabulary, text: str) -> str:
    return vocabulary.decode(vocabulary.encode([text])[0])


@pytest.mark.parametrize("unit", UNITS)
@given(text=st.text(max_size=12))
@settings(deadline=None)
def test_what_is_unknown_is_named(unit, text):
    vocabulary = VOCABULARIES[unit]
    pieces = vocabulary.unknown(text)
    assert all(piece in text and piece == piece.strip() for piece in pieces)
    visible = [name for name in tokens(vocabulary, text) if name == SPECIAL_TOKENS[UNKNOWN]]
    assert len(pieces) <= len(visible)
    if not any(letter.isspace() for letter in text):
        assert bool(pieces) == bool(visible)


def test_unknown_words_and_letters_are_told_once_and_in_order():
    text = "the ZZ 3 QZ ZZ"
    assert VOCABULARIES["word"].unknown(text) == ["ZZ", "QZ"]
    assert VOCABULARIES["character"].unknown(text) == VOCABULARIES["bpe"].unknown(text) == ["Z", "Q"]


@pytest.mark.parametrize("unit", UNITS)
@given(text=MADE_OF_CORPUS)
@settings(deadline=None)
def test_words_of_the_corpus_come_back(unit, text):
    vocabulary = VOCABULARIES[unit]
    assert round_trip(vocabulary, text) == vocabulary.normalize(text) == unicodedata.normalize("NFC", text)


@pytest.mark.parametrize("unit", UNITS)
@given(text=st.text(LETTERS))
@settings(deadline=None)
@example(text="▁▁a")
@example(text=" ▁ e\u0301 \n")
def test_letters_of_the_corpus_come_back(unit, text):
    vocabulary = VOCABULARIES[unit]
    numbers = vocabulary.encode([text])[0]
    if UNKNOWN not in numbers:
        assert vocabulary.decode(numbers) == vocabulary.normalize(text)


@pytest.mark.parametrize("unit", UNITS)
@given(text=st.text())
@settings(deadline=None)
def test_any_text_is_encoded_without_control_tokens(unit, text):
    numbers = VOCABULARIES[unit].encode([text])[0]
    assert numbers[-1] == END
    assert all(number == UNKNOWN or FIRST_TOKEN <= number < len(VOCABULARIES[unit]) for number in numbers[:-1])
    assert VOCABULARIES[unit].encode([unicodedata.normalize("NFD", text), unicodedata.normalize("NFC", text)]) == [numbers] * 2


@pytest.mark.parametrize("unit", UNITS)
def test_white_space_is_one_space(unit):
    assert VOCABULARIES[unit].normalize(" le\t\n\u00a0 3▁mars ") == "le 3 mars"
    assert round_trip(VOCABULARIES[unit], " le \t 3 ") == "le 3"


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("special", SPECIAL_TOKENS)
def test_special_tokens_in_a_text_stay_text(unit, special):
    vocabulary = learn(unit, [f"{special}{special} x{special}"] * 9)
    numbers = vocabulary.encode([special])[0][:-1]
    assert min(numbers) >= FIRST_TOKEN
    assert vocabulary.decode(numbers) == special
    again = Vocabulary.from_json(vocabulary.to_json(), "file")
    assert again.encode([special]) == [[*numbers, END]]


@pytest.mark.parametrize("unit", UNITS)
def test_language_tag_is_one_token(unit):
    vocabulary = learn(unit, ["<fr> 3/4", "<ko> 3/4"] * 9)
    assert tokens(vocabulary, "<fr> 3")[0].removeprefix(SPACE_MARK) == "<fr>"
    assert round_trip(vocabulary, "<ko> 3/4") == "<ko> 3/4"


def test_units():
    text = "2009년 3월, e\u0301té"
    assert tokens(learn("word", [text]), text) == ["▁2009년", "▁3월", ",", "▁été"]
    assert tokens(learn("character", [text]), text) == [*"2009년▁3월,▁été"]
    assert tokens(learn("word", [text]), "2009년 4월") == ["▁2009년", "<unk>"]
    assert learn("word", ["a"]).decode(learn("word", ["a"]).encode(["a b"])[0]) == "a<unk>"


@pytest.mark.parametrize("unit", UNITS)
def test_empty_text(unit):
    assert VOCABULARIES[unit].encode(["", " ", "▁"]) == [[END]] * 3
    assert VOCABULARIES[unit].decode([END]) == ""
    assert VOCABULARIES[unit].encode([]) == []


def test_lower_case():
    vocabulary = learn("word", ["Été LE"], lowercase=True)
    assert vocabulary.normalize("ÉTÉ Le") == "été le"
    assert round_trip(vocabulary, "ÉTÉ Le") == "été le"


def test_size_and_minimum_count():
    texts = ["a a a b b c"]
    assert learn("word", texts, size=6).names(range(6)) == [*SPECIAL_TOKENS, "▁a", "▁b"]
    assert len(learn("word", texts, min_count=3)) == 5
    assert learn("word", ["b a c"], size=6).names([4, 5]) == ["▁a", "▁b"], "ties stand in alphabetical order"


def test_byte_pair_units_keep_every_character():
    vocabulary = learn("bpe", ["ab ab ab c"], min_count=3)
    assert sorted(vocabulary.names(range(FIRST_TOKEN, len(vocabulary)))) == sorted(["a", "b", "c", SPACE_MARK, "ab", "▁ab"])
    assert tokens(vocabulary, "abc") == ["▁ab", "c"]


def test_a_size_below_the_alphabet_is_refused():
    texts = ["ab ab ab c"]  # a, b, c and the mark of a space
    assert len(learn("bpe", texts, size=8)) == 8
    with pytest.raises(UsageError) as caught:
        learn("bpe", texts, size=7)
    assert str(caught.value) == (
        "size=7 is too small for byte-pair units: the training text has 4 characters, and each is a token beside the 4 special"
        " ones. Give a size of 8 or more, such as 8000, or unit='word' or 'character', which leave out what is rare."
    )


def test_number_beyond_the_vocabulary_is_unknown():
    assert VOCABULARIES["word"].names([10**6]) == ["<unk>"]


@pytest.mark.parametrize("unit", UNITS)
def test_learning_and_writing_are_repeatable(unit):
    vocabulary = VOCABULARIES[unit]
    assert learn(unit).to_json() == vocabulary.to_json()
    again = Vocabulary.from_json(vocabulary.to_json(), "file")
    assert again.to_json() == vocabulary.to_json()
    assert again.encode(CORPUS) == vocabulary.encode(CORPUS)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": {"type": "WordLevel", "vocab": {"a": 0, "b": 1}, "unk_token": "a"}}, "begins with the tokens"),
        ({"normalizer": None}, "a tokenizer of another make"),
        ({"decoder": None}, "a tokenizer of another make"),
        (
            {"padding": None, "truncation": {"direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 0}},
            "another make",
        ),
        ({"model": {"type": "Nonsense"}}, "is not a tokenizer file"),
        ({"version": "9"}, "is not a tokenizer file"),
    ],
)
def test_foreign_files_are_refused(change, message):
    text = json.dumps(json.loads(VOCABULARIES["word"].to_json()) | change)
    if "WordLevel" in text and "begins" in message:
        text = json.dumps(json.loads(text) | {"added_tokens": []})
    with pytest.raises(GyeboError, match=message) as caught:
        Vocabulary.from_json(text, "runs/x/tokenizer-source.json")
    assert str(caught.value).startswith("runs/x/tokenizer-source.json ")


def test_numbers_with_gaps_are_refused():
    value = json.loads(VOCABULARIES["word"].to_json())
    word = next(word for word in value["model"]["vocab"] if word not in SPECIAL_TOKENS)
    value["model"]["vocab"][word] = 10**6
    with pytest.raises(GyeboError, match="numbers with gaps"):
        Vocabulary.from_json(json.dumps(value), "file")


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "null", "[" * 100_000, "\0"])
def test_broken_files_are_refused(text):
    with pytest.raises(GyeboError, match=r"^file is not a tokenizer file"):
        Vocabulary.from_json(text, "file")


@given(st.data())
@settings(deadline=None, max_examples=60)
def test_damaged_files_are_read_or_refused(data):
    text = bytearray(VOCABULARIES["bpe"].to_json().encode())
    for _ in range(data.draw(st.integers(1, 3))):
        text[data.draw(st.integers(0, len(text) - 1))] = data.draw(st.integers(0, 127))
    try:
        vocabulary = Vocabulary.from_json(text.decode(errors="replace"), "file")
    except GyeboError:
        return
    assert vocabulary.encode(["le 3 mars"])[0][-1] == END


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 4}, "size=4 leaves no room beside the 4 special tokens; try size=8000."),
        ({"min_count": 0}, "min_count=0 is below 1; 1 keeps everything that occurs."),
        ({"unit": "words"}, "'unit' is 'words'. Did you mean 'word'?"),
    ],
)
def test_config_messages(options, message):
    with pytest.raises(UsageError) as caught:
        from_mapping(VocabularyConfig, options)
    assert message in str(caught.value)
