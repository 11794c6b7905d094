"""The named datasets of parallel text."""

from __future__ import annotations

from gyebo.data.dataset import DataFile, Dataset

__all__ = ["DATES", "FRA_ENG", "KOR_ENG", "MULTI30K"]

DATES = Dataset(
    name="dates",
    kind="parallel text",
    title="Dates as people write them, to ISO 8601",
    summary="20,000 / 1,000 / 1,000 dates in English, French and Korean, generated from CLDR; nothing to download",
    languages=("date", "iso"),
    files=(),
    licence="Unicode License v3 (the names and patterns of CLDR); the generated pairs are free of further terms",
    citation="Unicode Consortium, 2024. Unicode Common Locale Data Repository (CLDR), read through Babel.",
    url="https://cldr.unicode.org",
)

_MULTI30K_RAW = "https://raw.githubusercontent.com/multi30k/dataset/master/data/task1/raw/"
_MULTI30K_FILES = (
    ("train.de", 637_044, "726e39b2fa9eb9ffb6dc763fb35a179f80fae06ffc5d28b6ace5faa883de28a6"),
    ("train.en", 568_929, "d79cfa999dd4c51d2cb42499b6796d5a882c3a8a961923c25a898c90f8bbd56f"),
    ("train.fr", 604_242, "622e75069e9f4c577425c4f277116ce66e63a2401c0a2312d90073cb12379a3c"),
    ("train.cs", 593_827, "a65adb8b32e3bc664f21ecba7a6e7f6950fd1f405e135f7c312faabdb6255077"),
    ("val.de", 24_681, "f0cba2f995189cf5770f29a8a9a537a3ad3f51657ad873405082ff6863a5e75a"),
    ("val.en", 21_650, "14f7d25ddd868909a9213e361768460edcacdd6ab9d1e77b92560dc10c10dc28"),
    ("val.fr", 23_001, "ca3106f1a72390591d25f6c45cb4cd39dec4cd3f123e099748a3ce5256c160e9"),
    ("val.cs", 22_096, "b63226e05c4bd5dd6a42897d74b86a1b9d2c31498252c572b1ea7f7996927fcc"),
    ("test_2016_flickr.de", 22_890, "9204244e408ccb38d2a55cfcd344df15005fc42a07a6e55ca6c52b6ababb8cc8"),
    ("test_2016_flickr.en", 21_077, "611d361c6334bc7246101d48097c13cf5c4413c5befc793cc629934359d532d9"),
    ("test_2016_flickr.fr", 22_310, "6d326e188d259fb1d04ac19eae3af956559b3a0b93d7635e56c90987c40c8b90"),
    ("test_2016_flickr.cs", 22_572, "200a4a74cc9560f051924abb9803be008d1908d77f747e9141aeb86dfd2797f1"),
)
MULTI30K = Dataset(
    name="multi30k",
    kind="parallel text",
    title="Multi30k: descriptions of photographs in four languages",
    summary="29,000 / 1,014 / 1,000 (test_2016_flickr) sentences, any pair of German, English, French and Czech",
    languages=("de", "en", "fr", "cs"),
    files=tuple(
        DataFile(path=f"multi30k/task1/raw/{name}.gz", url=f"{_MULTI30K_RAW}{name}.gz", sha256=sha256, size=size)
        for name, size, sha256 in _MULTI30K_FILES
    ),
    licence="For non-commercial research and education only (its authors' words, after Flickr30K)",
    citation=(
        "Elliott, Frank, Sima'an and Specia, 2016. Multi30K: Multilingual English-German Image Descriptions. "
        "French: Elliott et al., 2017. Czech: Barrault et al., 2018."
    ),
    url="https://github.com/multi30k/dataset",
)

_TATOEBA_LICENCE = "CC BY 2.0 FR; attribution: www.manythings.org/anki and tatoeba.org"
_TATOEBA_CITATION = (
    "Kelly, {year}. Tab-delimited Bilingual Sentence Pairs, www.manythings.org/anki, "
    "from Tatoeba contributors, {year}. Tatoeba, tatoeba.org."
)
_MANYTHINGS_NOTE = (
    "ManyThings replaces its files as Tatoeba grows, so a file fetched there today may be another version than the one "
    "of {day} that is pinned here."
)
FRA_ENG = Dataset(
    name="fra-eng",
    kind="parallel text",
    title="English and French sentence pairs of Tatoeba",
    summary="142,787 short everyday sentences and translations, split here by source sentence",
    languages=("en", "fr"),
    files=(
        DataFile(
            path="fra-eng/fra-eng.zip",
            url="https://www.manythings.org/anki/fra-eng.zip",
            sha256="16c4f7d0df9e7c5e6c54cdb0447f3f4a18a55052ff5e2e0b27dd4a06c0e49d04",
            size=2_951_390,
            mirror="https://raw.githubusercontent.com/genimind/seq2seq/843b8bc40396fbea4ac9171097122aacfc8b9660/fra-eng.zip",
            note=_MANYTHINGS_NOTE.format(day="2017-09-29"),
        ),
    ),
    licence=_TATOEBA_LICENCE,
    citation=_TATOEBA_CITATION.format(year=2017),
    url="https://www.manythings.org/anki/",
)
KOR_ENG = Dataset(
    name="kor-eng",
    kind="parallel text",
    title="English and Korean sentence pairs of Tatoeba",
    summary="3,621 short everyday sentences and translations, split here by source sentence",
    languages=("en", "ko"),
    files=(
        DataFile(
            path="kor-eng/kor-eng.zip",
            url="https://www.manythings.org/anki/kor-eng.zip",
            sha256="12caaefb148fe1c39a961f6eff49c855bcb512eec051c34ba55620ae5f5457f7",
            size=142_372,
            mirror="https://raw.githubusercontent.com/wsy8029/nmt-pymodi/cb266ccfbbdd2834b3a05fc8bad39c9ca6161c15/kor-eng.zip",
            note=_MANYTHINGS_NOTE.format(day="2020-03-15"),
        ),
    ),
    licence=_TATOEBA_LICENCE,
    citation=_TATOEBA_CITATION.format(year=2020),
    url="https://www.manythings.org/anki/",
)
