"""Runs in the layouts of the paper's tables of recall, beside the paper's own rows."""

from collections.abc import Iterator, Sequence
from statistics import fmean, stdev
from string import ascii_lowercase

from vost_sgg.evaluation.collation import collated, grouped, joined
from vost_sgg.evaluation.protocols import CONSTRAINTS
from vost_sgg.evaluation.published import PUBLISHED_RANKS, PublishedTable, published_table
from vost_sgg.evaluation.runs import Recalls, Run, check_comparable, config_differences
from vost_sgg.evaluation.slots import NUM_PREDICATES
from vost_sgg.evaluation.table_formats import Cell, Table

RECALL_TABLES = ("table1", "table2", "table3", "table5", "table6")
# Tab. 3 leaves the temporal context out.
STAGES = {"table3": "spatial"}
PAPER, OURS = "paper", "ours"
_TASKS = {"predcls": "PredCLS", "sgcls": "SGCLS", "sgdet": "SGDET"}
_PAPER_RULE = "as printed in the paper, on Action Genome; nothing of it was run here."


def recall_table_like(name: str, runs: Sequence[Run]) -> Table:
    """The paper's rows of table ``name`` (one of RECALL_TABLES), and below them those of ``runs``.

    Runs of one model and task are one row: mean and sample standard deviation. What else was scored with a model, such
    as the frequency baseline, is one row if it is the same for all models, else a row a model.

    Raises:
        ValueError: a run's task is not in this table, or runs cannot be compared.
    """
    published = published_table(name)
    _check_tasks(name, runs)
    check_comparable(runs)
    cells, notes = _paper_cells(published)
    rows = [([PAPER, method], cells[method]) for method in published.rows]
    rows += [
        ([OURS, method], [_cell(by_task, column) for column in published.columns])
        for method, by_task in collated(runs).items()
    ]
    return Table(
        title=f"Tab. {name.removeprefix('table')}: {published.title}. In %.",
        rules=[(PAPER, _PAPER_RULE), *((OURS, rule) for rule in _rules(runs))],
        labels=["Rows", "Method"],
        columns=_headings(published.columns),
        value_names=tuple(map(str, PUBLISHED_RANKS)),
        rows=rows,
        notes=notes,
    )


def _check_tasks(name: str, runs: Sequence[Run]) -> None:
    tasks = {table: _tasks(published_table(table)) for table in RECALL_TABLES}
    for run in runs:
        if run.task not in tasks[name]:
            others = [table for table, known in tasks.items() if run.task in known]
            raise ValueError(
                f"{run.path} is of task {run.task}; {name} shows {' and '.join(tasks[name])}. "
                f"--like {' or '.join(others)} shows {run.task}"
            )


def _tasks(table: PublishedTable) -> list[str]:
    return list(dict.fromkeys(column.split("/")[0] for column in table.columns))


def _headings(columns: Sequence[str]) -> list[tuple[str, ...]]:
    """Task (where there are several), constraint, metric."""
    parts = [column.split("/") for column in columns]
    headings = [
        (_TASKS[task], CONSTRAINTS[constraint], metric) for task, constraint, metric in parts
    ]
    return headings if len({task for task, *_ in parts}) > 1 else [h[1:] for h in headings]


def _paper_cells(table: PublishedTable) -> tuple[dict[str, list[Cell]], dict[str, str]]:
    """Cells by method, and the notes by their marks."""
    texts = list(dict.fromkeys(note.text for note in table.notes))
    marks = dict(zip(texts, ascii_lowercase, strict=False))
    cells = {
        method: [
            Cell(
                values,
                marks=tuple(
                    marks[n.text] for n in table.notes if (n.row, n.column) == (method, column)
                ),
            )
            for column, values in zip(table.columns, row, strict=True)
        ]
        for method, row in table.rows.items()
    }
    return cells, {mark: text for text, mark in marks.items()}


def _cell(by_task: dict[str, Recalls], column: str) -> Cell:
    task, constraint, metric = column.split("/")
    recalls = by_task.get(task, {}).get(constraint, {})
    values = [recalls.get(f"{metric}@{k}") for k in PUBLISHED_RANKS]
    if None in values:
        return Cell()
    several = len(values[0]) > 1
    return Cell(
        tuple(100 * fmean(v) for v in values),
        tuple(100 * stdev(v) for v in values) if several else (),
    )


def _rules(runs: Sequence[Run]) -> Iterator[str]:
    """How our rows were made, a line each."""
    by_rules: dict[str, list[Run]] = {}
    for run in runs:
        by_rules.setdefault(f"{run.protocol.describe()}; {run.scored}", []).append(run)
    for rules, group in by_rules.items():
        # They differ where pair NMS does.
        several = sum(run.task == group[0].task for run in runs) > len(group)
        methods = f"{', '.join(dict.fromkeys(run.method for run in group))}: " if several else ""
        yield f"{methods}{rules}."
    yield f"mR@K: each predicate pooled over the data set, mean over {NUM_PREDICATES}."
    for dataset in dict.fromkeys(run.dataset for run in runs):
        if not dataset.startswith("action_genome"):
            yield f"{dataset} is not Action Genome: its numbers cannot be compared with the paper's."
    for (method, task), group in grouped(runs).items():
        yield from _remarks(f"{method}, {_TASKS[task]}", group)


def _remarks(row: str, runs: Sequence[Run]) -> Iterator[str]:
    """What is to be said of a row of several runs."""
    recalls = joined([run.recalls for run in runs])
    count = max((len(v) for metrics in recalls.values() for v in metrics.values()), default=0)
    if count > 1:
        seeds = [str(seed) for run in runs for seed in run.seeds]
        of = f" of seeds {', '.join(seeds)}" if len(seeds) == count else ""
        yield f"{row}: mean ± sample standard deviation of {count} runs{of}."
    for run in runs:
        if run.document.get("frames_without_prediction"):
            frames = run.document["frames_without_prediction"]
            yield f"{row}: {frames} frames have no prediction and count 0 ({run.path})."
    differences = config_differences(runs)
    if differences:
        listed = "; ".join(f"{key} {', '.join(values)}" for key, values in differences.items())
        yield f"{row}: NOT ONE MODEL, its configs differ ({listed}); NAME=RUN makes a row of each."
