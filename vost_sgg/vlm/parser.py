"""From a VLM's raw text to an :class:`~vost_sgg.vlm.answers.Answer`. Nothing that a model writes raises an error."""

from collections import Counter
from collections.abc import Iterable

from vost_sgg.structures import PREDICATE_GROUPS
from vost_sgg.vlm.answer_boxes import read_box
from vost_sgg.vlm.answers import EMPTY, PARSED, REPAIRED, STATUSES, Answer, Relation
from vost_sgg.vlm.free_text import boxes_from_text, objects_from_text, relation_from_text
from vost_sgg.vlm.lenient_json import read_json
from vost_sgg.vlm.prompts import Prompt
from vost_sgg.vlm.relation_reader import RelationReader
from vost_sgg.vlm.shapes import box_entries, objects_and_person, relation_entry
from vost_sgg.vlm.word_reader import WordReader
from vost_sgg.vlm.words import Vocabulary

# Of the parser; it stands in a cache's manifest.
PARSER_VERSION = 1

# Every kind of repair and loss, as answers and reports name them.
ISSUES = {
    "no_answer": "nothing that was asked for is in the text",
    "too_long": f"characters behind the {20_000}th were not read",
    "code_fence": "the JSON stood in a code fence",
    "surrounding_text": "there was text around the JSON",
    "not_json": "quotes, commas, brackets or bare words that JSON does not allow",
    "truncated": "the text ended early; what was begun last was dropped",
    "several_values": "several JSON values behind each other",
    "free_text": "no JSON; read from headings, lists or sentences",
    "other_form": "another key, nesting or type than the asked one",
    "respelled": "another spelling of a name, a synonym, or a name inside a phrase",
    "unknown_object": "an object outside the vocabulary; it was dropped",
    "unknown_predicate": "a predicate outside the vocabulary; it was dropped",
    "wrong_group": "a predicate under another group's key; it was moved",
    "repeated": "a predicate, or an object with its box, named twice; kept once",
    "several_attentions": "more than one attention predicate; the first was kept",
    "missing_group": "a relation without any predicate of some group",
    "missing_object": "a relation without an object's name; it was dropped",
    "box_form": "a box in another form than four numbers in a list",
    "box_count": "a box of another count than four numbers; it was dropped",
    "box_fractions": "a box in fractions of the image",
    "box_reversed": "a box whose corners were swapped",
    "box_outside": "a box that left the image; it was clipped",
    "box_empty": "a box without area; it was dropped",
    "no_person": "no person, or no usable box of the person",
    "several_persons": "more than one person; the first was kept",
    "person_in_objects": "the person among the objects; its box was used if there was no other",
    "unknown_number": "the number of a box that was not asked about, or twice the same; it was dropped",
}
_MAX_LENGTH = 20_000


class AnswerParser:
    """Reads answers to the prompts of one data set.

    Args:
        vocabulary: of the data set; no label outside it is ever returned.
    """

    def __init__(self, vocabulary: Vocabulary):
        self._person = vocabulary.person
        self._words = WordReader(vocabulary)
        self._relations = RelationReader(self._words)

    def parse(self, text: str, prompt: Prompt) -> Answer:
        """What ``text``, the model's answer to ``prompt``, says. Never raises."""
        issues: set[str] = set()
        if len(text) > _MAX_LENGTH:
            issues.add("too_long")
            text = text[:_MAX_LENGTH]
        value, found = read_json(text)
        answer = None if value is None else self._from_value(value, prompt, {*issues, *found})
        if answer is None or answer.status == EMPTY:
            loose = self._from_text(text, prompt)
            if loose:
                answer = self._from_value(loose, prompt, {*issues, "free_text"})
        return answer or Answer(EMPTY, ("no_answer", *sorted(issues)))

    def _from_text(self, text: str, prompt: Prompt) -> dict:
        if prompt.task == "predcls":
            return relation_from_text(text, self._words)
        if prompt.task == "sgcls":
            return boxes_from_text(text, self._words)
        return objects_from_text(text, self._words, self._person)

    def _from_value(self, value: object, prompt: Prompt, issues: set[str]) -> Answer:
        read = {"predcls": self._predcls, "sgcls": self._sgcls, "sgdet": self._sgdet}[prompt.task]
        fields = read(value, prompt, issues)
        if not fields.get("relations") and (issues or prompt.task == "predcls"):
            return Answer(EMPTY, tuple(sorted(issues | {"no_answer"})), **_person_of(fields))
        return Answer(REPAIRED if issues else PARSED, tuple(sorted(issues)), **fields)

    def _predcls(self, value: object, prompt: Prompt, issues: set[str]) -> dict:
        entry = relation_entry(value, issues.add)
        groups = self._relations.groups(entry, issues.add)
        person, row = prompt.pair
        relation = Relation(row=row, **groups)
        return {"relations": (relation,) if relation.named else (), "person_row": person}

    def _sgcls(self, value: object, prompt: Prompt, issues: set[str]) -> dict:
        person, relations, seen = None, [], set()
        for number, entry in box_entries(value, issues.add):
            if not 1 <= number <= len(prompt.rows) or number in seen:
                issues.add("unknown_number")
                continue
            seen.add(number)
            row, name = prompt.rows[number - 1], self._relations.object(entry, issues.add)
            if name == self._person:
                person = row if person is None else person
                issues |= {"several_persons"} if person != row else set()
            elif name is not None:
                groups = self._relations.groups(entry, issues.add)
                relations.append(Relation(object=name, row=row, **groups))
        if person is None:
            issues.add("no_person")
        return {"relations": tuple(relations), "person_row": person}

    def _sgdet(self, value: object, prompt: Prompt, issues: set[str]) -> dict:
        entries, person = objects_and_person(value, issues.add)
        person_box = None if person is None else read_box(person, prompt.boxes, issues.add)
        relations = []
        for entry in entries:
            name = self._relations.object(entry, issues.add)
            box = self._relations.box(entry, prompt.boxes, issues.add) if name else None
            if name == self._person:
                issues.add("several_persons" if person_box and box else "person_in_objects")
                person_box = person_box or box
            elif name is not None:
                groups = self._relations.groups(entry, issues.add)
                relations.append(Relation(object=name, box=box, **groups))
        if person_box is None:
            issues.add("no_person")
        kept = tuple(dict.fromkeys(relations))
        issues |= {"repeated"} if len(kept) < len(relations) else set()
        return {"relations": kept, "person_box": person_box}


def _person_of(fields: dict) -> dict:
    return {k: v for k, v in fields.items() if k.startswith("person")}


class ParseReport:
    """How many answers could be read how well, and how many have each kind of issue."""

    def __init__(self, answers: Iterable[Answer] = ()):
        self.statuses, self.issues = Counter(dict.fromkeys(STATUSES, 0)), Counter()
        self.named = Counter(dict.fromkeys(PREDICATE_GROUPS, 0))
        for answer in answers:
            self.add(answer)

    def add(self, answer: Answer) -> None:
        self.statuses[answer.status] += 1
        self.issues.update(answer.issues)
        for group in PREDICATE_GROUPS:
            self.named[group] += sum(len(getattr(r, group)) for r in answer.relations)

    def describe(self) -> str:
        """A line of the statuses, then one an issue, the most frequent first, with its meaning."""
        total = max(1, sum(self.statuses.values()))
        parts = [f"{n:,} {status} ({n / total:.1%})" for status, n in self.statuses.items()]
        lines = [f"{sum(self.statuses.values()):,} answers: {', '.join(parts)}"]
        for kind, count in sorted(self.issues.items(), key=lambda item: (-item[1], item[0])):
            lines.append(f"  {count:>8,}  {kind}: {ISSUES[kind]}")
        return "\n".join(lines)
