"""What is plotted of runs: recall by predicate, by part of the predicates, by K; the mean of a model's runs."""

from collections.abc import Mapping, Sequence
from statistics import fmean

from vost_sgg.evaluation.analysis import predicate_split
from vost_sgg.evaluation.collation import Rows
from vost_sgg.evaluation.protocols import RANKS
from vost_sgg.evaluation.runs import Run


def predicate_parts(run: Run) -> dict[str, list[str]]:
    """``head``, ``body`` and ``tail``: names of the predicates, from the most frequent to the least.

    Raises:
        ValueError: the run is of an ablation, whose file says nothing of predicates.
    """
    document = run.document
    if "predicate_counts" not in document:
        raise ValueError(
            f"{run.path} has no recall of predicates: name the folders of its runs in its place"
        )
    if "predicate_split" in document:
        return document["predicate_split"]
    split = predicate_split(document["predicate_counts"])
    return {part: [document["predicates"][p] for p in members] for part, members in split.items()}


def by_predicate(
    rows: Rows, task: str, constraint: str, rank: int, names: Sequence[str]
) -> dict[str, list[float]]:
    """Method -> the recall of each of ``names``; methods without it are left out."""
    return {
        method: [fmean(recalls[f"R@{rank} {name}"]) for name in names]
        for method, recalls in _of(rows, task, constraint).items()
        if f"R@{rank} {names[0]}" in recalls
    }


def by_part(
    rows: Rows, task: str, constraint: str, rank: int, parts: Mapping[str, Sequence[str]]
) -> dict[str, dict[str, float]]:
    """Method -> part -> the mean recall of its predicates; methods without it are left out."""
    names = [name for members in parts.values() for name in members]
    recalls = by_predicate(rows, task, constraint, rank, names)
    return {
        method: {
            part: fmean(value for name, value in zip(names, values, strict=True) if name in members)
            for part, members in parts.items()
        }
        for method, values in recalls.items()
    }


def by_rank(rows: Rows, task: str, constraint: str, metric: str) -> dict[str, dict[int, float]]:
    """Method -> K -> ``metric`` ("R", "mR") at K; methods without it are left out."""
    return {
        method: {k: fmean(recalls[f"{metric}@{k}"]) for k in RANKS}
        for method, recalls in _of(rows, task, constraint).items()
        if all(f"{metric}@{k}" in recalls for k in RANKS)
    }


def _of(rows: Rows, task: str, constraint: str) -> dict[str, Mapping[str, Sequence[float]]]:
    return {
        method: by_task[task][constraint]
        for method, by_task in rows.items()
        if constraint in by_task.get(task, {})
    }
