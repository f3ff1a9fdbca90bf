"""How often each predicate is annotated in a data set, in the layout of the paper's Tab. 4, beside its counts."""

from collections.abc import Mapping, Sequence

from vost_sgg.evaluation.published import published_counts
from vost_sgg.evaluation.table_formats import Cell, Table


def counts_table(
    dataset: str,
    frame_rule: str,
    counts: Mapping[tuple[str, str], Sequence[int]],
    predicates: Sequence[str],
) -> Table:
    """Tab. 4: a row a predicate in the paper's order, and the totals.

    Args:
        dataset: its name, without a split.
        frame_rule: what chose the frames that it keeps.
        counts: ("entries" | "kept", "all" | "train" | "test") -> a count a predicate.
        predicates: names, in the order of ``counts``.
    """
    paper = published_counts()
    groups = {
        "Paper": list(zip(*(paper.counts[name] for name in predicates), strict=True)),
        f"{dataset}, all entries": [counts["entries", split] for split in paper.splits],
        f"{dataset}, frames kept": [counts["kept", split] for split in paper.splits],
    }
    columns = [column for group in groups.values() for column in group]
    order = [predicates.index(name) for name in paper.counts]
    rows = [
        ([predicates[row].replace("_", " ")], [_count(column[row]) for column in columns])
        for row in order
    ]
    rows.append((["total"], [_count(sum(column)) for column in columns]))
    rules = [
        ("", "Paper: as printed, of every entry in Action Genome's files."),
        ("", paper.note),
        (
            "",
            f"Frames kept: those of {dataset}_train and {dataset}_test (frame rule {frame_rule}).",
        ),
    ]
    return Table(
        title=f"Tab. 4: {paper.title}.",
        rules=rules,
        labels=["Predicate"],
        columns=[(group, split.capitalize()) for group in groups for split in paper.splits],
        value_names=(),
        rows=rows,
        notes={},
    )


def _count(value: int) -> Cell:
    return Cell((int(value),), digits=0)
