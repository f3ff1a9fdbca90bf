"""Answers in prose and lists: turned into the values that the asked JSON would have had."""

import re

from vost_sgg.structures import PREDICATE_GROUPS
from vost_sgg.vlm.answers import GROUP_KEYS
from vost_sgg.vlm.word_reader import WordReader

_HEADING = re.compile(
    r"\b(contact\w*|spatial\w*|attention\w*)"
    r"(?:[ _](?:predicate|relation|relationship)(?:s|\(s\))?)?[\s\"'*_]*(?::|=|->|\bis\b|\bare\b)",
    re.IGNORECASE,
)
_ITEM_ENDS = re.compile(r"[,;\n.|]|\band\b")
_NUMBER = r"-?\d+(?:\.\d+)?"
_BOX = re.compile(rf"[\[(<]*\s*{_NUMBER}(?:\s*[,\s]\s*[\[(]?\s*{_NUMBER}){{3}}\s*[\])>]*")
_LINE_NUMBER = re.compile(r"(?:^|\n)[\s*#-]*(?:box\s*)?(\d{1,3})\s*[.):-]", re.IGNORECASE)
# InternVL's marks, <ref>cup</ref><box>[[1, 2, 3, 4]]</box>: the word "box" in them is no object.
_TAG = re.compile(r"</?(?:ref|box)>")
# Between an object's name and its box: "cup</ref><box>[[", " is in the box ".
_NAME_TO_BOX = 30


def relation_from_text(text: str, words: WordReader) -> dict:
    """The predicates that a text names, under the keys of the asked JSON; {} if it names none.

    Under headings ("contact: holding, touching") lists are read; a text without any is searched for predicates.
    """
    headings = list(_HEADING.finditer(text))
    found: dict[str, list[str]] = {}
    for heading, end in zip(headings, _ends(headings, text), strict=True):
        section = text[heading.end() : end]
        key = _group_key(heading.group(1))
        found.setdefault(key, []).extend(_listed(section.split("\n\n")[0], words))
    if not headings:
        for group, name in words.mentioned(text):
            found.setdefault(GROUP_KEYS[group], []).append(name)
    return {key: names for key, names in found.items() if names}


def objects_from_text(text: str, words: WordReader, person: str) -> dict:
    """The person's box, the objects, their boxes and predicates that a text names, as the asked SGDET answer."""
    text = _TAG.sub(" ", text)
    marks = []
    for name in words.object_pattern.finditer(text):
        box = _BOX.search(text, name.end(), name.end() + _NAME_TO_BOX + 60)
        # Of two names before one box, "the cup is in the box [1, 2, 3, 4]", it is the first one's.
        taken = box and marks and marks[-1][1].start() == box.start()
        if box and not taken and box.start() - name.end() <= _NAME_TO_BOX:
            marks.append((name, box))
    answer = {"objects": []}
    for (name, box), end in zip(marks, _ends([name for name, _ in marks], text), strict=True):
        numbers = [float(number) for number in re.findall(_NUMBER, box.group())]
        if words.object(name.group()) == person:
            answer.setdefault("person", numbers)
            continue
        relation = relation_from_text(text[box.end() : end], words)
        answer["objects"].append({"object": name.group(), "box": numbers, **relation})
    return answer if marks else {}


def boxes_from_text(text: str, words: WordReader) -> dict:
    """The classes and predicates that a numbered list names, as the asked SGCLS answer."""
    marks = list(_LINE_NUMBER.finditer(text))
    entries = []
    for mark, end in zip(marks, _ends(marks, text), strict=True):
        part = text[mark.end() : end]
        name = words.object_pattern.search(part)
        if name:
            relation = relation_from_text(part[name.end() :], words)
            entries.append({"number": int(mark.group(1)), "object": name.group(), **relation})
    return {"boxes": entries} if entries else {}


def _ends(marks: list[re.Match], text: str) -> list[int]:
    """Where the part behind each mark ends: at the next mark, or with the text."""
    return [mark.start() for mark in marks[1:]] + [len(text)] * bool(marks)


def _group_key(heading: str) -> str:
    group = next(g for g in PREDICATE_GROUPS if heading.lower().startswith(GROUP_KEYS[g][:6]))
    return GROUP_KEYS[group]


def _listed(section: str, words: WordReader) -> list[str]:
    names = []
    for item in _ITEM_ENDS.split(section):
        item = item.strip(" \t\r\n\"'*[](){}<>`-_")
        if item and words.predicate(item):
            names.append(item)
        elif item:
            names.extend(name for _, name in words.mentioned(item))
    return names
