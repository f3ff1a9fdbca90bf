"""A reader of almost-JSON: what a language model writes when it was asked for JSON."""

import json
import re

_QUOTES = {'"': '"', "'": "'", "`": "`", "\u201c": "\u201d", "\u2018": "\u2019"}
_FENCE = re.compile(r"```[\w-]*\n?")
_BARE = re.compile(r"[^,:\[\]{}\n\"\u201c]+")
_CLOSES_SINGLE = re.compile(r"\s*(?:[,:\]}]|$)")
_CONSTANTS = {"true": True, "false": False, "null": None, "none": None}
_MAX_DEPTH = 16
# A place where a value was begun and not finished: nothing can be read from it.
_CUT = object()


def read_json(text: str) -> tuple[object, list[str]]:
    """The JSON value in ``text`` and what had to be forgiven to read it.

    Returns:
        value: of dicts, lists, strings, finite numbers, booleans and None; None if there is none in the text. Several
            values behind each other come as a list.
        issues: of "code_fence", "surrounding_text", "not_json" (quotes, commas, brackets or bare words that JSON does
            not allow), "truncated" (what was begun last is dropped) and "several_values"; empty for plain JSON.
    """
    try:
        return _finite(json.loads(text)), []
    except (ValueError, RecursionError):
        pass
    issues = set()
    if "```" in text:
        issues.add("code_fence")
        text = _FENCE.sub("", text)
    values, position, outside = [], 0, ""
    while (start := _next_bracket(text, position)) >= 0:
        outside += text[position:start]
        value, position, found = _read_from(text, start)
        issues |= found
        values.append(value)
    outside += text[position:]
    values = [value for value in values if value or value == []]
    if not values:
        return None, sorted(issues)
    if outside.strip(" \n\t\r,;"):
        issues.add("surrounding_text")
    if len(values) > 1:
        return values, sorted(issues | {"several_values"})
    return values[0], sorted(issues)


def _next_bracket(text: str, position: int) -> int:
    found = [i for i in (text.find("{", position), text.find("[", position)) if i >= 0]
    return min(found, default=-1)


def _read_from(text: str, start: int) -> tuple[object, int, set[str]]:
    try:
        value, end = json.JSONDecoder().raw_decode(text, start)
        return _finite(value), end, set()
    except (ValueError, RecursionError):
        reader = _Reader(text, start)
        value = reader.value(0)
        return value, reader.position, reader.issues | {"not_json"}


def _finite(value):
    """``value`` without NaN and infinity, which Python's json reads though JSON has none."""
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_finite(v) for v in value]
    return _number(value) if isinstance(value, int | float) else value


def _number(value: int | float) -> int | float | None:
    # An integer of any length is valid JSON; beyond this it is no coordinate, and could not be made a float.
    return value if abs(value) < 1e9 else None


class _Reader:
    def __init__(self, text: str, position: int):
        self.text, self.position = text, position
        self.issues: set[str] = set()

    def value(self, depth: int):
        self._skip()
        if self._at_end() or depth > _MAX_DEPTH:
            self.position = len(self.text)
            self.issues.add("truncated")
            return _CUT
        character = self.text[self.position]
        if character == "{":
            return self._members(depth)
        if character == "[":
            return self._items(depth)
        return self._quoted() if character in _QUOTES else self._bare()

    def _items(self, depth: int) -> list:
        self.position += 1
        items = []
        while not self._closed("]", "}"):
            item = self.value(depth + 1)
            if item is not _CUT:
                items.append(item)
            elif not self._at_end():
                self.position += 1  # a stray character
        return items

    def _members(self, depth: int) -> dict:
        self.position += 1
        members = {}
        while not self._closed("}", "]"):
            if self.text[self.position] in "{[":
                self.value(depth + 1)  # a value without a key
                continue
            key = self._quoted() if self.text[self.position] in _QUOTES else self._bare()
            self._skip(" \n\t\r")
            if self._at_end() or self.text[self.position] != ":":
                self.position += key is _CUT
                continue
            self.position += 1
            value = self.value(depth + 1)
            if key is not _CUT and value is not _CUT:
                members[str(key)] = value
        return members

    def _closed(self, own: str, other: str) -> bool:
        """Whether the list or object ends here; a bracket of the other kind ends it too, and is left to its owner."""
        self._skip()
        if self._at_end():
            self.issues.add("truncated")
            return True
        if self.text[self.position] == own:
            self.position += 1
            return True
        return self.text[self.position] == other

    def _quoted(self):
        quote = _QUOTES[self.text[self.position]]
        self.position += 1
        letters = []
        while not self._at_end():
            character = self.text[self.position]
            self.position += 1
            if character == "\\" and not self._at_end():
                letters.append(self.text[self.position])
                self.position += 1
            elif character == quote and self._ends_string(quote):
                return "".join(letters)
            else:
                letters.append(character)
        self.issues.add("truncated")
        return _CUT

    def _ends_string(self, quote: str) -> bool:
        # An apostrophe inside a single-quoted string is none of its ends.
        return quote == '"' or _CLOSES_SINGLE.match(self.text, self.position) is not None

    def _bare(self):
        match = _BARE.match(self.text, self.position)
        if match is None:
            return _CUT
        self.position = match.end()
        if self._at_end():  # perhaps half a word, or half a number
            self.issues.add("truncated")
            return _CUT
        word = match.group().strip()
        if word.lower() in _CONSTANTS:
            return _CONSTANTS[word.lower()]
        try:
            return _number(float(word))
        except ValueError:
            return word

    def _skip(self, characters: str = " \n\t\r,;:") -> None:
        while not self._at_end() and self.text[self.position] in characters:
            self.position += 1

    def _at_end(self) -> bool:
        return self.position >= len(self.text)
