"""Vocabularies: text to token numbers and back, by words, characters or byte-pair units; built on `tokenizers`.

White space survives the round trip in every unit: a word's leading space becomes the mark ▁ (U+2581) and is part of the token, so
that joining the tokens gives the text again and no detokenizer has to guess. A language tag such as `<fr>` stays one token.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from gyebo.errors import GyeboError, UsageError
from gyebo.models.interfaces import END, SPECIAL_TOKENS, UNKNOWN

__all__ = ["MAX_VOCABULARY_FILE", "SPACE_MARK", "Unit", "Vocabulary", "VocabularyConfig"]

Unit: TypeAlias = Literal["word", "character", "bpe"]
SPACE_MARK = "▁"
LANGUAGE_TAG = r"<\p{Ll}{2}>"  # two letters: it can never spell a special token
WORD = rf"▁?{LANGUAGE_TAG}|▁?[\p{{L}}\p{{M}}\p{{N}}]+|▁?[^\p{{L}}\p{{M}}\p{{N}}▁]|▁"
CHARACTER = rf"{LANGUAGE_TAG}|.\p{{M}}*"
MAX_VOCABULARY_FILE = 64 * 2**20


@dataclass(frozen=True, kw_only=True)
class VocabularyConfig:
    """How one side's text becomes tokens.  The [source] and [target] tables of a recipe."""

    unit: Unit = "bpe"
    size: int = 8000
    """the most tokens, special ones included; bpe needs at least one for each character of the training text"""
    min_count: int = 2
    """units seen less often in the training text are not in the vocabulary; bpe keeps all single characters, and counts pairs"""
    lowercase: bool = False

    def __post_init__(self) -> None:
        if self.size <= len(SPECIAL_TOKENS):
            raise ValueError(f"size={self.size} leaves no room beside the {len(SPECIAL_TOKENS)} special tokens; try size=8000.")
        if self.min_count < 1:
            raise ValueError(f"min_count={self.min_count} is below 1; 1 keeps everything that occurs.")


class Vocabulary:
    """Text <-> token numbers.  Numbers 0-3 are the special tokens of `gyebo.models.interfaces`.

    >>> vocabulary = Vocabulary.train(["le 3 mars", "le 4 mai"], VocabularyConfig(unit="word", min_count=1))
    >>> vocabulary.names(vocabulary.encode(["le 3 mai"])[0])
    ['▁le', '▁3', '▁mai', '<eos>']
    >>> vocabulary.decode(vocabulary.encode(["le 3 mai"])[0])
    'le 3 mai'
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer

    @classmethod
    def train(cls, texts: Iterable[str], config: VocabularyConfig) -> Vocabulary:
        """Learn a vocabulary from the training text: the most frequent units first, ties in alphabetical order.

        Raises UsageError where the characters of the text alone are more byte-pair units than `config.size`.
        """
        # the mark itself counts as white space: a text that holds it could not be told from one with a space there
        spaces = Regex(rf"[\s{SPACE_MARK}]+")
        steps = [normalizers.NFC(), normalizers.Replace(spaces, " "), normalizers.Strip()]
        steps += [normalizers.Lowercase(), normalizers.NFC()] if config.lowercase else []
        spaced = [normalizers.Prepend(SPACE_MARK)] if config.unit != "character" else []
        normalizer = normalizers.Sequence([*steps, *spaced, normalizers.Replace(" ", SPACE_MARK)])
        pieces = pre_tokenizers.Split(Regex(CHARACTER if config.unit == "character" else WORD), "isolated")
        special = [AddedToken(token, special=True, normalized=False) for token in SPECIAL_TOKENS]
        if config.unit == "bpe":
            model = models.BPE(unk_token=SPECIAL_TOKENS[UNKNOWN])
            trainer = trainers.BpeTrainer(
                vocab_size=config.size, min_frequency=config.min_count, special_tokens=special, show_progress=False
            )
        else:
            model = models.WordLevel(unk_token=SPECIAL_TOKENS[UNKNOWN])
            trainer = trainers.WordLevelTrainer(
                vocab_size=config.size, min_frequency=config.min_count, special_tokens=special, show_progress=False
            )
        tokenizer = Tokenizer(model)
        tokenizer.normalizer = normalizer
        tokenizer.pre_tokenizer = pieces
        tokenizer.decoder = decoders.Sequence(
            [
                decoders.Fuse(),
                decoders.Replace(SPACE_MARK, " "),
                decoders.Strip(" ", int(config.unit != "character"), 0),
            ]
        )
        tokenizer.encode_special_tokens = True  # a user's text never turns into a control token
        tokenizer.train_from_iterator(texts, trainer)
        if (needed := tokenizer.get_vocab_size()) > config.size:  # the trainer of byte pairs begins with all characters
            raise UsageError(
                f"size={config.size} is too small for byte-pair units: the training text has {needed - len(SPECIAL_TOKENS):,}"
                f" characters, and each is a token beside the {len(SPECIAL_TOKENS)} special ones. Give a size of {needed} or more,"
                " such as 8000, or unit='word' or 'character', which leave out what is rare."
            )
        return cls(tokenizer)

    @classmethod
    def read(cls, path: Path) -> Vocabulary:
        """The vocabulary in a file.  Raises GyeboError where it is missing, too large or not one."""
        if not path.is_file():
            raise GyeboError(f"{path} is missing: the run folder is not complete. Restore the file, or train the run again.")
        if (size := path.stat().st_size) > MAX_VOCABULARY_FILE:
            raise GyeboError(f"{path} has {size:,} bytes, more than a vocabulary can have. Restore it, or train again.")
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise GyeboError(f"{path} is not UTF-8 text ({error}). Restore it, or train the run again.") from error
        return cls.from_json(text, str(path))

    @classmethod
    def from_json(cls, text: str, where: str) -> Vocabulary:
        """Read what `to_json` wrote; where: the file, for the error message.  Raises GyeboError for anything else."""
        try:
            tokenizer = Tokenizer.from_str(text)
            special = [tokenizer.id_to_token(number) for number in range(len(SPECIAL_TOKENS))]
        except Exception as error:  # the library raises bare Exception for broken JSON and for unknown parts alike
            raise GyeboError(f"{where} is not a tokenizer file ({error}). Restore it, or train the run again.") from error
        if special != list(SPECIAL_TOKENS):
            raise GyeboError(
                f"{where} begins with the tokens {special}, but {list(SPECIAL_TOKENS)} were expected: it is not gyebo's."
            )
        if not _is_ours(tokenizer):
            raise GyeboError(
                f"{where} is a tokenizer of another make: numbers with gaps, another unknown token, or steps of its own."
                " Restore the file, or train the run again."
            )
        tokenizer.encode_special_tokens = True
        return cls(tokenizer)

    def to_json(self) -> str:
        """The whole vocabulary in the format of the `tokenizers` library."""
        return json.dumps(json.loads(self._tokenizer.to_str()), ensure_ascii=False, indent=1) + "\n"

    def __len__(self) -> int:
        return self._tokenizer.get_vocab_size()

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Token numbers of each text, END last."""
        encodings = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [[*encoding.ids, END] for encoding in encodings]

    def unknown(self, text: str) -> list[str]:
        """The characters, or words where the units are words, that are read as <unk>: each once, in their order, without white space."""
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        spans = (span for number, span in zip(encoding.ids, encoding.offsets, strict=True) if number == UNKNOWN)
        return list(dict.fromkeys(piece for begin, end in spans if (piece := text[begin:end].strip())))

    def names(self, numbers: Iterable[int]) -> list[str]:
        """The token of each number; <unk> for a number that the vocabulary does not have."""
        return [self._tokenizer.id_to_token(number) or SPECIAL_TOKENS[UNKNOWN] for number in numbers]

    def decode(self, numbers: Iterable[int]) -> str:
        """The text of token numbers; special tokens but <unk> are left out."""
        kept = [token for token in self.names(numbers) if token not in SPECIAL_TOKENS or token == SPECIAL_TOKENS[UNKNOWN]]
        return self._tokenizer.decoder.decode(kept) if kept else ""

    def normalize(self, text: str) -> str:
        """The text as the vocabulary sees it: NFC, single spaces, lower case where the config says so."""
        return self._tokenizer.normalizer.normalize_str(text).replace(SPACE_MARK, " ").strip(" ")


def _is_ours(tokenizer: Tokenizer) -> bool:
    """Whether a tokenizer read from a file can have been made by `Vocabulary.train`."""
    numbers = tokenizer.get_vocab().values()
    return (
        max(numbers) == tokenizer.get_vocab_size() - 1 == len(set(numbers)) - 1
        and isinstance(tokenizer.model, models.BPE | models.WordLevel)
        and tokenizer.model.unk_token == SPECIAL_TOKENS[UNKNOWN]
        and None not in (tokenizer.normalizer, tokenizer.pre_tokenizer, tokenizer.decoder)
        and tokenizer.post_processor is tokenizer.truncation is tokenizer.padding is None
    )
