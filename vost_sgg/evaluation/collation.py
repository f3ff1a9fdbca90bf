"""Runs of several models and seeds, brought together: what stands in a row of a table, or is a line of a plot."""

from collections.abc import Sequence

from vost_sgg.evaluation.runs import Recalls, Run

# Method -> task -> recalls, a value a run.
Rows = dict[str, dict[str, Recalls]]


def collated(runs: Sequence[Run]) -> Rows:
    """The models in the order of ``runs``, then their companions.

    Runs of one model and task are one row. A companion is one row if it is the same for all models, else one a model.

    Raises:
        ValueError: a model has the name of a companion.
    """
    models: Rows = {}
    for (method, task), group in grouped(runs).items():
        models.setdefault(method, {})[task] = joined([run.recalls for run in group])
    companions = _companions(runs)
    for name in companions.keys() & models.keys():
        raise ValueError(f"{name!r} is scored with every model: give the run of this name another")
    return models | companions


def grouped(runs: Sequence[Run]) -> dict[tuple[str, str], list[Run]]:
    """(method, task) -> its runs."""
    groups: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        groups.setdefault((run.method, run.task), []).append(run)
    return groups


def joined(recalls: Sequence[Recalls]) -> Recalls:
    """The values of all, of the metrics that all have."""
    first, *others = recalls
    return {
        constraint: {
            metric: sum((other[constraint][metric] for other in others), values)
            for metric, values in metrics.items()
            if all(metric in other.get(constraint, {}) for other in others)
        }
        for constraint, metrics in first.items()
    }


def _companions(runs: Sequence[Run]) -> Rows:
    rows: Rows = {}
    for task, name in dict.fromkeys((run.task, name) for run in runs for name in run.companions):
        of_task = [run for run in runs if run.task == task and name in run.companions]
        by_model = {
            method: _without_copies(joined([run.companions[name] for run in group]))
            for (method, _), group in grouped(of_task).items()
        }
        first = next(iter(by_model.values()))
        if all(recalls == first for recalls in by_model.values()):
            by_model = {"": first}
        for method, recalls in by_model.items():
            rows.setdefault(f"{name} ({method})" if method else name, {})[task] = recalls
    return rows


def _without_copies(recalls: Recalls) -> Recalls:
    """One value for several equal ones: not several runs, but one that does not depend on them."""
    if any(len(set(values)) > 1 for metrics in recalls.values() for values in metrics.values()):
        return recalls
    return {c: {metric: v[:1] for metric, v in metrics.items()} for c, metrics in recalls.items()}
