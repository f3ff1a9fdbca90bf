"""Text tables of how well actions are recovered, in percent."""

from collections.abc import Mapping, Sequence

from tabulate import tabulate

PRIOR_NAME = "most frequent actions"


def recovery_table(rows: Mapping[str, Mapping[str, float]]) -> str:
    """A row a method; metrics that differ in k or threshold alone share a column.

    Args:
        rows: method -> what ``ActionRecovery.compute`` returns.
    """
    families: dict[str, list[str]] = {}
    for metric in next(iter(rows.values())):
        families.setdefault(_family(metric), []).append(metric)
    headers = [
        family + " / ".join(metric.removeprefix(family) for metric in metrics)
        for family, metrics in families.items()
    ]
    body = [
        [method, *(" / ".join(_percent(values[m]) for m in f) for f in families.values())]
        for method, values in rows.items()
    ]
    return tabulate(body, headers=["", *headers], disable_numparse=True)


def action_table(by_action: Mapping[str, Mapping]) -> str:
    """A row an action: in how many persons it is annotated, recalls and AP.

    Args:
        by_action: what ``ActionRecovery.per_action`` returns.
    """
    metrics = [metric for metric in next(iter(by_action.values())) if metric != "samples"]
    body = [
        [name, values["samples"], *(_percent(values[metric]) for metric in metrics)]
        for name, values in by_action.items()
    ]
    return tabulate(body, headers=["", "persons", *metrics], disable_numparse=True)


def fall_table(rows: Mapping[str, Sequence[Mapping] | None], metrics: Sequence[str]) -> str:
    """A row a model: each metric in the familiar world, in the shifted one, and the difference.

    Args:
        rows: model -> its metrics in the familiar and in the shifted world; None of a model without.
        metrics: keys of them.
    """
    body = []
    for model, worlds in rows.items():
        cells = ["-"] * len(metrics) if worlds is None else [_fall(*worlds, m) for m in metrics]
        body.append([model, *cells])
    return tabulate(body, headers=["", *metrics], disable_numparse=True)


def _fall(familiar: Mapping, shifted: Mapping, metric: str) -> str:
    before, after = familiar[metric], shifted[metric]
    return f"{_percent(before)} -> {_percent(after)} ({100 * (after - before):+.1f})"


def _family(metric: str) -> str:
    """The metric's name without the k or the threshold at its end."""
    return metric.rstrip("0123456789.")


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}"
