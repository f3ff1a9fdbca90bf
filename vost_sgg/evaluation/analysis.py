"""What is read out of recalls beyond the tables of the paper: frequent and rare predicates, one number for R and mR."""

from collections.abc import Mapping, Sequence

from vost_sgg.evaluation.protocols import RANKS
from vost_sgg.evaluation.slots import NUM_PREDICATES

# The paper's "rare" predicates are the eight least frequent ones (Fig. 5); the head is as large.
_END = 8


def predicate_split(counts: Sequence[int]) -> dict[str, list[int]]:
    """The 26 predicates by frequency: ``head`` (the 8 most frequent), ``body`` (10) and ``tail`` (the 8 rarest).

    Args:
        counts: annotated triplets of each of the 26; of equal ones the lower id counts as more frequent.
    """
    order = sorted(range(NUM_PREDICATES), key=lambda p: (-counts[p], p))
    return {"head": order[:_END], "body": order[_END:-_END], "tail": order[-_END:]}


def split_recall(
    per_predicate: Mapping[str, Sequence[float]], split: Mapping[str, Sequence[int]]
) -> dict[str, float]:
    """``head_mR@K``, ``body_mR@K`` and ``tail_mR@K``: means of the pooled recalls of a part of the predicates.

    Args:
        per_predicate: ``R@K`` -> 26 fractions.
        split: of ``predicate_split``.
    """
    return {
        f"{part}_mR@{k}": sum(per_predicate[f"R@{k}"][p] for p in members) / len(members)
        for part, members in split.items()
        for k in RANKS
    }


def harmonic_means(recall: Mapping[str, float]) -> dict[str, float]:
    """``H@K``: the harmonic mean of ``R@K`` and ``mR@K``; 0 where both are."""
    means = {}
    for k in RANKS:
        r, mean = recall[f"R@{k}"], recall[f"mR@{k}"]
        means[f"H@{k}"] = 2 * r * mean / (r + mean) if r + mean else 0.0
    return means
