"""The paper's own tables as printed, to stand beside the numbers of runs. Nothing here was measured by this library."""

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources

# The K of R@K in the paper's tables.
PUBLISHED_RANKS = (10, 20, 50)


@dataclass(frozen=True)
class Note:
    """What is odd in a cell."""

    row: str
    column: str
    text: str


@dataclass(frozen=True)
class PublishedTable:
    """A table of recalls.

    Args:
        title: what it shows.
        columns: "task/constraint/metric", such as "predcls/with/mR".
        rows: method -> a tuple a column: percent at ``PUBLISHED_RANKS``, or empty where nothing is reported.
        notes: what is odd in it.
    """

    title: str
    columns: tuple[str, ...]
    rows: dict[str, list[tuple[float, ...]]]
    notes: tuple[Note, ...]


@dataclass(frozen=True)
class PublishedCounts:
    """Tab. 4: how often each predicate is annotated.

    Args:
        title: what it shows.
        splits: "all", "train", "test".
        counts: predicate, spelled as in the annotations -> a count a split; in the paper's order.
        note: what is odd in it.
    """

    title: str
    splits: tuple[str, ...]
    counts: dict[str, tuple[int, ...]]
    note: str


def published_table(name: str) -> PublishedTable:
    """The table ``table1``, ``table2``, ``table3``, ``table5`` or ``table6``. Raises KeyError for any other name."""
    table = _document()["recall"][name]
    rows = {method: [_numbers(cell) for cell in cells] for method, *cells in table["rows"]}
    notes = tuple(Note(*note) for note in table["notes"])
    return PublishedTable(table["title"], tuple(table["columns"]), rows, notes)


def published_counts() -> PublishedCounts:
    """Tab. 4."""
    table = _document()["predicates"]
    counts = {name: tuple(values) for name, values in table["counts"].items()}
    return PublishedCounts(table["title"], tuple(table["splits"]), counts, table["note"])


@cache
def _document() -> dict:
    file = resources.files("vost_sgg.evaluation") / "published.json"
    return json.loads(file.read_text(encoding="utf-8"))


def _numbers(cell: str) -> tuple[float, ...]:
    return () if cell == "-" else tuple(map(float, cell.split(" / ")))
