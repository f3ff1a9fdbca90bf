"""Text tables in the layout of the paper's Tab. 1, under a header that names the rules they were made by."""

from collections.abc import Iterable, Mapping, Sequence

from tabulate import tabulate

from vost_sgg.evaluation.object_ap import PERSON, mean_over_objects
from vost_sgg.evaluation.protocols import CONSTRAINTS
from vost_sgg.evaluation.recall import SceneGraphRecall
from vost_sgg.evaluation.slots import NUM_PREDICATES

TABLE_RANKS = (10, 20, 50)


def recall_header(
    recall: SceneGraphRecall, dataset: str, predicate_names: Sequence[str], frame_rule: str
) -> str:
    """The lines that stand above a table: task, protocol, frames, and how mR was averaged.

    Args:
        dataset: name of the data set in detectron2's catalogs.
        predicate_names: 26 names, to list those that are never annotated.
        frame_rule: the rule that chose the data set's frames (its metadata's ``frame_rule``).
    """
    absent = absent_predicates(recall, predicate_names)
    lines = [
        f"{recall.protocol.describe()}",
        f"{dataset} (frame rule {_frame_rule(recall, frame_rule)}): {recall.frames} frames scored, "
        f"{recall.frames_without_pairs} without annotated pairs left out",
        f"R@K in %, mean over frames. mR@K in %, each predicate pooled over the data set, mean over {NUM_PREDICATES}; "
        + (f"absent, so counted as 0: {', '.join(absent)}" if absent else "none is absent"),
    ]
    if recall.frames_without_prediction:
        lines.insert(
            2, f"{recall.frames_without_prediction} frames have no prediction: they count 0"
        )
    if "semi" in recall.protocol.constraints:
        lines.append(
            f"Semi constraint: spatial and contacting predicates above {recall.protocol.semi_threshold:g}"
        )
    return "\n".join(lines)


def _frame_rule(recall: SceneGraphRecall, rule: str) -> str:
    """The data set's rule, and the protocol's own where it is another one."""
    own, name = recall.protocol.frame_rule, recall.protocol.name
    return rule if rule == own else f"{rule}; {name}'s own: {own}"


def absent_predicates(recall: SceneGraphRecall, predicate_names: Sequence[str]) -> list[str]:
    """Names of the predicates that no scored frame has."""
    return [
        name
        for name, count in zip(predicate_names, recall.predicate_counts, strict=True)
        if count == 0
    ]


def recall_table(rows: Mapping[str, Mapping[str, Mapping[str, float]]]) -> str:
    """A row a method, two columns a constraint: R@10 / 20 / 50 and mR@10 / 20 / 50 in percent.

    Args:
        rows: method -> what ``SceneGraphRecall.compute`` returns. All methods have the same constraints.
    """
    constraints = next(iter(rows.values()))
    body = [
        [method, *(_cell(values[c], metric) for c in constraints for metric in ("R", "mR"))]
        for method, values in rows.items()
    ]
    return tabulate(body, headers=["Method", *recall_headings(constraints)], disable_numparse=True)


def recall_headings(constraints: Iterable[str]) -> list[str]:
    """The headings of two columns a constraint, R and mR."""
    ranks = " / ".join(map(str, TABLE_RANKS))
    headings = []
    for constraint in constraints:
        headings += [f"{CONSTRAINTS[constraint]}\nR@{ranks}", f"\nmR@{ranks}"]
    return headings


def analysis_table(rows: Mapping[str, Mapping[str, Mapping[str, float]]]) -> str:
    """What else the recalls say, a row a method and constraint, in percent.

    Args:
        rows: method -> what ``SceneGraphRecall.analysis`` returns.
    """
    ranks = " / ".join(map(str, TABLE_RANKS))
    headers = ["Method", "", f"H\n@{ranks}", "head / body / tail\nmR@10"]
    headers += [f"pairs\nR@{ranks}", f"zero-shot\nR@{ranks}"]
    body = []
    for method, constraints in rows.items():
        for constraint, values in constraints.items():
            parts = " / ".join(
                f"{100 * values[f'{p}_mR@10']:.1f}" for p in ("head", "body", "tail")
            )
            unseen = _cell(values, "zR") if "zR@10" in values else "none"
            row = [_cell(values, "H"), parts, _cell(values, "pair_R"), unseen]
            body.append([method, CONSTRAINTS[constraint], *row])
    return tabulate(body, headers=headers, disable_numparse=True)


def predicate_table(methods: Mapping[str, SceneGraphRecall], predicate_names: Sequence[str]) -> str:
    """Recall of each predicate within 10, pooled, in percent: rows by frequency, a column a method and constraint."""
    first = next(iter(methods.values()))
    columns = {
        f"{method}\n{CONSTRAINTS[constraint]}": values["R@10"]
        for method, recall in methods.items()
        for constraint, values in recall.per_predicate().items()
    }
    counts = first.predicate_counts
    body = [
        [part, predicate_names[p], counts[p], *(f"{100 * v[p]:.1f}" for v in columns.values())]
        for part, members in first.predicate_split.items()
        for p in members
    ]
    headers = ["", "R@10 of", "annotated", *columns]
    align = ("left", "left", *("right",) * (1 + len(columns)))
    return tabulate(body, headers=headers, disable_numparse=True, colalign=align)


def object_ap_line(by_class: Mapping[int, Mapping[str, float]]) -> str:
    """The line about boxes: COCO's AP and AP50 in percent.

    Args:
        by_class: what ``ObjectAP.compute`` returns.
    """
    mean, person = mean_over_objects(by_class), by_class.get(PERSON)
    count = len(by_class) - (person is not None)
    parts = [f"Object {_ap(mean)} (mean over {count} classes)"] if mean else []
    parts += [f"person {_ap(person)}"] if person else []
    return "; ".join(parts) + ". COCO's, in %"


def _ap(values: Mapping[str, float]) -> str:
    return f"AP {100 * values['AP']:.1f}, AP50 {100 * values['AP50']:.1f}"


def _cell(values: Mapping[str, float], metric: str) -> str:
    return " / ".join(f"{100 * values[f'{metric}@{k}']:.1f}" for k in TABLE_RANKS)
