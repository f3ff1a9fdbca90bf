"""How often a model is right with the VLM's answers, and how often against them (paper, Sec. 4.2)."""

from collections.abc import Mapping, Sequence

import numpy as np
from tabulate import tabulate

from vost_sgg.evaluation.results import scored_by
from vost_sgg.evaluation.slots import GROUP_SIZES, annotated_slots, predicted_slots
from vost_sgg.structures import FrameGroundTruth, FramePrediction

# The eight with the fewest labels in Action Genome (paper, Tab. 4), which Fig. 5 marks.
RARE_PREDICATES = (
    "covered_by carrying drinking_from eating writing_on wiping have_it_on_the_back twisting"
).split()
_STARTS = np.cumsum((0, *GROUP_SIZES[:-1]))


class PriorAgreement:
    """Counts the cases of a PredCLS evaluation. A case is one annotated predicate of one given pair.

    The model is *correct* in a case if its most probable predicate of the case's group is the case's (with constraint).
    The VLM is *right* if it names the case's predicate, and *wrong* if it names predicates of the group for the pair
    and none of them is annotated. Neither holds where it names none of the group, or only others that are annotated.

    Args:
        predicate_names: of the data set, 26.
    """

    def __init__(self, predicate_names: Sequence[str]):
        self._names = list(predicate_names)
        self._counts = {
            count: np.zeros(len(self._names), np.int64)
            for count in ("cases", "model_correct", "vlm_right", "vlm_wrong", "agreed", "corrected")
        }

    def add(self, truth: FrameGroundTruth, prediction: FramePrediction, named: np.ndarray) -> None:
        """Adds one frame.

        Args:
            prediction: of the frame's given pairs, in their order.
            named: (K, 26) bool, what the VLM named of each.

        Raises:
            ValueError: there are not as many pairs in the three.
        """
        cases, scores = annotated_slots(truth).predicates, predicted_slots(prediction).predicates
        if not len(cases) == len(scores) == len(named):
            raise ValueError(
                f"{len(cases)} given pairs, predictions of {len(scores)} and answers about {len(named)}"
            )
        correct = cases & _best_of_group(scores)
        right = cases & named
        wrong = cases & _spread(_any(named)) & ~_spread(_any(right))
        masks = (cases, correct, right, wrong, correct & right, correct & wrong)
        for count, mask in zip(self._counts.values(), masks, strict=True):
            count += mask.sum(0)

    def compute(self) -> dict[str, dict[str, float | int | None]]:
        """Counts and shares of the rare predicates and of the others, by "rare" and "other".

        ``agreed_share`` is of the model's correct cases, ``corrected_share`` of those where the VLM is wrong; None
        where there are none.
        """
        rare = np.isin(self._names, RARE_PREDICATES)
        return {"rare": self._of(rare), "other": self._of(~rare)}

    def _of(self, chosen: np.ndarray) -> dict:
        counts = {name: int(count[chosen].sum()) for name, count in self._counts.items()}
        counts["agreed_share"] = _share(counts["agreed"], counts["model_correct"])
        counts["corrected_share"] = _share(counts["corrected"], counts["vlm_wrong"])
        return counts


def agreement_table(document: Mapping) -> str:
    """The text table of the cases in a ``robustness_<dataset>.json``."""
    headers = ["Method", "Predicates", "cases", "VLM right", "VLM wrong", "model correct"]
    headers += ["of these agree\nwith the VLM", "of VLM wrong\ncorrected"]
    body = [
        [
            document["method"],
            predicates,
            *(values[name] for name in ("cases", "vlm_right", "vlm_wrong", "model_correct")),
            _percent(values["agreed_share"]),
            _percent(values["corrected_share"]),
        ]
        for predicates, values in document["agreement"].items()
    ]
    grid = tabulate(
        body, headers=headers, disable_numparse=True, colalign=["left"] * 2 + ["right"] * 6
    )
    return f"Cases, on the answers as stored\n{scored_by(document)}\n{grid}"


def _best_of_group(scores: np.ndarray) -> np.ndarray:
    """(K, 26) bool: the most probable predicate of each group, the first of equal ones."""
    best = np.zeros(scores.shape, bool)
    for start, size in zip(_STARTS, GROUP_SIZES, strict=True):
        columns = start + scores[:, start : start + size].argmax(1)
        best[np.arange(len(scores)), columns] = True
    return best


def _any(mask: np.ndarray) -> np.ndarray:
    """(K, 3) whether any predicate of a group is set."""
    return np.logical_or.reduceat(mask, _STARTS, axis=1)


def _spread(groups: np.ndarray) -> np.ndarray:
    """(K, 26) of (K, 3): each predicate has its group's value."""
    return np.repeat(groups, GROUP_SIZES, axis=1)


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"
