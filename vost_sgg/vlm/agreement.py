"""How far a VLM's answers agree with the annotation, class by class."""

from collections import Counter
from collections.abc import Iterator

import numpy as np
from tabulate import tabulate

from vost_sgg.structures import PREDICATE_GROUPS, FrameGroundTruth
from vost_sgg.vlm.answers import Relation
from vost_sgg.vlm.cache import FrameAnswers
from vost_sgg.vlm.words import Vocabulary


class Agreement:
    """Counts, over frames, what is annotated, what the VLM names, and what both say.

    A pair's relation is the one about the same box where boxes are given, and the first of the same class in SGDET
    (Action Genome annotates a class at most once a frame). Predicates are compared on pairs that have one.

    Args:
        task: predcls, sgcls or sgdet.
        vocabulary: of the data set.
    """

    def __init__(self, task: str, vocabulary: Vocabulary):
        self.task, self.vocabulary = task, vocabulary
        self.frames = self.frames_without_answer = self.frames_without_person = 0
        self.annotated, self.named, self.agreed = Counter(), Counter(), Counter()

    def add(self, truth: FrameGroundTruth, answers: FrameAnswers) -> None:
        """Adds one frame."""
        self.frames += 1
        self.frames_without_answer += answers.empty == answers.asked
        person = answers.person_box if self.task == "sgdet" else answers.person_row
        self.frames_without_person += person is None
        for name, relation in self._pairs(truth, answers):
            self._count("object", {name}, {relation.object} if relation else set())
        if self.task == "sgdet":
            annotated = {self.vocabulary.objects[c] for c in np.asarray(truth.classes).tolist()}
            false = [r.object for r in answers.relations if r.object not in annotated]
            self.named.update(("object", name) for name in false)
        for k, (_, relation) in enumerate(self._pairs(truth, answers)):
            for group in PREDICATE_GROUPS:
                labels = np.flatnonzero(getattr(truth, group)[k]).tolist()
                true = {self.vocabulary.group(group)[label] for label in labels}
                self._count(group, true, set(getattr(relation, group)) if relation else set())

    def table(self) -> str:
        """A row a class that is annotated or named, by group: counts, recall and precision in %."""
        groups = PREDICATE_GROUPS if self.task == "predcls" else ("object", *PREDICATE_GROUPS)
        rows = []
        for group in groups:
            names = (
                self.vocabulary.objects[1:] if group == "object" else self.vocabulary.group(group)
            )
            own = [row for row in (self._row(group, name) for name in names) if any(row[2:4])]
            rows += own + [self._total(group, own)]
        header = ["group", "class", "annotated", "named", "both", "recall", "precision"]
        return tabulate(rows, header, floatfmt=".1f", tablefmt="simple")

    def _pairs(
        self, truth: FrameGroundTruth, answers: FrameAnswers
    ) -> Iterator[tuple[str, Relation | None]]:
        """The annotated class of each pair's object, and what is said of it."""
        by = "object" if self.task == "sgdet" else "row"
        said = {getattr(relation, by): relation for relation in reversed(answers.relations)}
        for _, row in np.asarray(truth.pairs).tolist():
            name = self.vocabulary.objects[truth.classes[row]]
            yield name, said.get(name if by == "object" else row)

    def _count(self, group: str, true: set, named: set) -> None:
        self.annotated.update((group, name) for name in true)
        self.named.update((group, name) for name in named)
        self.agreed.update((group, name) for name in true & named)

    def _row(self, group: str, name: str) -> list:
        counts = [counter[group, name] for counter in (self.annotated, self.named, self.agreed)]
        return [group, name, *counts, *_shares(*counts)]

    def _total(self, group: str, rows: list[list]) -> list:
        counts = [sum(row[column] for row in rows) for column in (2, 3, 4)]
        return [group, "all", *counts, *_shares(*counts)]


def _shares(annotated: int, named: int, agreed: int) -> tuple[float | None, float | None]:
    return tuple(100 * agreed / n if n else None for n in (annotated, named))
