"""From what a model writes to a class of the vocabulary, or to nothing; never to a word outside it."""

import difflib
import re
from functools import lru_cache

from vost_sgg.structures import PREDICATE_GROUPS
from vost_sgg.vlm.synonyms import LIST_ONLY, OBJECT_SYNONYMS, PREDICATE_SYNONYMS
from vost_sgg.vlm.words import Vocabulary, prompt_word

# Misspellings: how like a word must be to one of at least so many letters ("siting on", "refridgerator").
_LIKENESS = 0.9
_MIN_LETTERS = 6
_MAX_LETTERS = 40
_NEGATED = re.compile(r"(?:\bnot|n't|\bno|\bnever|\bwithout)\s+(?:being\s+)?$")


def bare(text: str) -> str:
    """Lower-case letters and digits of ``text``: what all spellings of a name share."""
    return "".join(character for character in text.lower() if character.isalnum())


class WordReader:
    """Reads names of one vocabulary, whose objects and predicates are disjoint in any spelling.

    Args:
        vocabulary: of the data set. Synonyms of names that it lacks are left out.
    """

    def __init__(self, vocabulary: Vocabulary):
        self._asked = {prompt_word(name) for name in vocabulary.objects}
        self._objects = _spellings(vocabulary.objects, OBJECT_SYNONYMS)
        self._group_of = {n: g for g in PREDICATE_GROUPS for n in vocabulary.group(g)}
        self._asked |= {prompt_word(name) for name in self._group_of}
        self._predicates = _spellings(tuple(self._group_of), PREDICATE_SYNONYMS)
        self._mentions = _alternatives(self._group_of, PREDICATE_SYNONYMS)
        self.object_pattern = _alternatives(vocabulary.objects, OBJECT_SYNONYMS)
        self._nearest = lru_cache(maxsize=4096)(_nearest_spelling)

    def is_asked(self, word: str) -> bool:
        """Whether ``word`` is spelled as the prompt spells it."""
        return word in self._asked

    def object(self, word: str) -> str | None:
        """The object class that ``word`` names."""
        return self._read(word, self._objects)

    def predicate(self, word: str) -> tuple[str, str] | None:
        """The (group, predicate) that ``word`` names."""
        name = self._read(word, self._predicates)
        return None if name is None else (self._group_of[name], name)

    def mentioned(self, sentence: str) -> list[tuple[str, str]]:
        """The (group, predicate) s that a sentence speaks of and does not negate, in order."""
        sentence = sentence.lower().replace("\u2019", "'")
        found = []
        for match in self._mentions.finditer(sentence):
            read = self.predicate(match.group())
            if read and not _NEGATED.search(sentence[max(0, match.start() - 20) : match.start()]):
                found.append(read)
        return found

    def _read(self, word: str, spellings: dict[str, str]) -> str | None:
        key = bare(word[: 4 * _MAX_LETTERS])
        for known in (key, key.removesuffix("s"), key.removeprefix("the"), key.removeprefix("a")):
            if known in spellings:
                return spellings[known]
        if not _MIN_LETTERS <= len(key) <= _MAX_LETTERS:
            return None
        nearest = self._nearest(key, tuple(spellings))
        return spellings.get(nearest)


def _nearest_spelling(key: str, known: tuple[str, ...]) -> str | None:
    return next(iter(difflib.get_close_matches(key, known, n=1, cutoff=_LIKENESS)), None)


def _variants(name: str, synonyms: dict[str, str]) -> list[str]:
    return [name, *(word.strip() for word in synonyms.get(name, "").split(",") if word.strip())]


def _spellings(names, synonyms: dict[str, str]) -> dict[str, str]:
    found = {bare(word): name for name in names for word in _variants(name, synonyms)}
    # A name of the vocabulary is itself, whatever else it is a synonym of.
    return found | {bare(name): name for name in names}


def _alternatives(names, synonyms: dict[str, str]) -> re.Pattern:
    words = {word for name in names for word in _variants(name, synonyms)} - LIST_ONLY
    # The longest first, so that "not looking at" is not read as "looking at".
    patterns = [
        r"[\s_/-]*".join(map(re.escape, re.split(r"[\s_/]+", word)))
        for word in sorted(words, key=lambda word: (-len(word), word))
    ]
    return re.compile(rf"\b(?:{'|'.join(patterns)})\b", re.IGNORECASE)
