"""The rows of an ablation (paper, Tab. 2): evaluations of the same models with several seeds, as mean and spread."""

from collections.abc import Mapping, Sequence
from statistics import fmean, stdev

from tabulate import tabulate

from vost_sgg.evaluation.protocols import CONSTRAINTS
from vost_sgg.evaluation.results import scored_by
from vost_sgg.evaluation.tables import TABLE_RANKS, recall_headings

ABLATION_FILE = "ablation.json"
ABLATION_VERSION = 1
# ``model`` of the frequency baseline's row.
FREQUENCY = "frequency"
# What the results of two evaluations share that may stand in one table.
_SAME = ("dataset", "frame_rule", "frames", "predicate_counts")


def summary(values: Sequence[float]) -> dict:
    """``{"mean", "std", "seeds"}`` of one number: the sample standard deviation (n - 1; None of a single value), and
    ``values`` as they are.
    """
    return {
        "mean": fmean(values),
        "std": stdev(values) if len(values) > 1 else None,
        "seeds": list(values),
    }


def summarised(recalls: Sequence[Mapping[str, Mapping[str, float]]]) -> dict:
    """The :func:`summary` of every constraint's every number over ``recalls`` (``SceneGraphRecall.compute``), at least
    one, all with the same constraints.
    """
    return {
        constraint: {
            metric: summary([recall[constraint][metric] for recall in recalls]) for metric in values
        }
        for constraint, values in recalls[0].items()
    }


def check_comparable(results: Mapping[str, Mapping]) -> None:
    """Raises ValueError if the results (``results_document``, by the name of their file) are not of the same frames,
    labels and protocol; its NMS may differ, as each method's own does.
    """
    (first, expected), *others = results.items()
    for path, document in others:
        rules = [
            {**{k: d[k] for k in _SAME}, **d["protocol"], "nms": None} for d in (expected, document)
        ]
        differ = [key for key, value in rules[0].items() if rules[1][key] != value]
        if differ:
            raise ValueError(
                f"{path} was made on other data or by another protocol than {first} ({', '.join(differ)} differ): "
                "these rows cannot stand in one table; run the ablation anew in another --output-dir"
            )


def ablation_rules(document: Mapping) -> str:
    """The protocol of an ``ablation.json`` and what was scored: a line, or several if the pair NMS differs."""
    methods: dict[str | None, list[str]] = {}
    for row in document["rows"]:
        methods.setdefault(row["nms"], []).append(row["method"])
    lines = []
    for nms, names in methods.items():
        rules = scored_by({**document, "protocol": {**document["protocol"], "nms": nms}})
        lines.append(f"{', '.join(names)}: {rules}" if len(methods) > 1 else rules)
    return "\n".join(lines)


def ablation_table(document: Mapping) -> str:
    """The text table of an ``ablation.json``: a row a method, in percent; below the means, the spreads."""
    rows = document["rows"]
    constraints = [name for name in CONSTRAINTS if name in rows[0]]
    headers = ["Method", "\nSeeds", *recall_headings(constraints)]
    body = [
        [
            row["method"],
            len(row["seeds"]) or "",
            *(_cell(row[c], metric) for c in constraints for metric in ("R", "mR")),
        ]
        for row in rows
    ]
    lines = [
        ablation_rules(document),
        "In %, mean over the seeds and below it the sample standard deviation",
        tabulate(body, headers=headers, disable_numparse=True),
    ]
    return "\n".join(lines)


def _cell(values: Mapping[str, Mapping], metric: str) -> str:
    numbers = [values[f"{metric}@{k}"] for k in TABLE_RANKS]
    means = " / ".join(f"{100 * number['mean']:.1f}" for number in numbers)
    if numbers[0]["std"] is None:
        return means
    spreads = " / ".join(f"{100 * number['std']:.1f}" for number in numbers)
    return f"{means}\n±{spreads}"
