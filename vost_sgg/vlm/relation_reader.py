"""One object's entry of an answer: its class, its box, and its predicates by group."""

import re
from collections.abc import Callable

from vost_sgg.structures import PREDICATE_GROUPS
from vost_sgg.vlm.answer_boxes import Box, read_box
from vost_sgg.vlm.answers import GROUP_KEYS
from vost_sgg.vlm.boxes import BoxFrame
from vost_sgg.vlm.shapes import value_of
from vost_sgg.vlm.word_reader import WordReader

Note = Callable[[str], None]
_SEPARATORS = re.compile(r"[,;|\n]|\band\b")


class RelationReader:
    """Reads the entries of an answer; what it repairs or drops it tells ``note``.

    Args:
        words: of the data set's vocabulary.
    """

    def __init__(self, words: WordReader):
        self._words = words

    def object(self, entry: dict, note: Note) -> str | None:
        """The class of the entry's object; None if it names none of the vocabulary."""
        word = value_of(entry, "object", note)
        if isinstance(word, list) and word:
            note("other_form")
            word = word[0]
        if not isinstance(word, str) or not word.strip():
            note("missing_object")
            return None
        if not self._words.is_asked(word):
            note("respelled")
        name = self._words.object(word)
        if name is None:
            found = self._words.object_pattern.search(word[:200])
            name = self._words.object(found.group()) if found else None
        if name is None:
            note("unknown_object")
        return name

    def box(self, entry: dict, frame: BoxFrame, note: Note) -> Box | None:
        """The entry's box, or None."""
        value = value_of(entry, "box", note)
        if value is None:
            note("box_count")
            return None
        return read_box(value, frame, note)

    def groups(self, entry: dict, note: Note) -> dict[str, tuple[str, ...]]:
        """The predicates of each group; a predicate counts for its own group, wherever it stands."""
        found: dict[str, list[str]] = {group: [] for group in PREDICATE_GROUPS}
        read = [
            (group, own, name)
            for group in PREDICATE_GROUPS
            for word in self._listed(entry, group, note)
            for own, name in self._predicates(word, note)
        ]
        # Behind those that stand where they belong come those that were moved.
        for group, own, name in sorted(read, key=lambda item: item[0] != item[1]):
            if own != group:
                note("wrong_group")
            if name in found[own]:
                note("repeated")
            else:
                found[own].append(name)
        if len(found["attention"]) > 1:
            note("several_attentions")
            del found["attention"][1:]
        if not all(found.values()):
            note("missing_group")
        return {group: tuple(names) for group, names in found.items()}

    def _listed(self, entry: dict, group: str, note: Note) -> list[str]:
        value = value_of(entry, GROUP_KEYS[group], note)
        if isinstance(value, str):
            if group != "attention":
                note("other_form")
            whole = value if self._words.predicate(value) else None
            return [whole] if whole else [w for w in _SEPARATORS.split(value[:1000]) if w.strip()]
        if isinstance(value, dict):
            note("other_form")
            return [str(name) for name, chosen in value.items() if chosen]
        if not isinstance(value, list):
            return []
        if group == "attention":
            note("other_form")
        return [word if isinstance(word, str) else repr(word)[:100] for word in value]

    def _predicates(self, word: str, note: Note) -> list[tuple[str, str]]:
        read = self._words.predicate(word)
        if read and self._words.is_asked(word):
            return [read]
        found = [read] if read else self._words.mentioned(word[:200])
        note("respelled" if found else "unknown_predicate")
        return found
