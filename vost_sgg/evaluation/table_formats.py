"""A table in the formats that people paste: text, markdown, LaTeX, CSV."""

import csv
import io
from dataclasses import dataclass
from itertools import groupby

from tabulate import LATEX_ESCAPE_RULES, tabulate

FORMATS = ("text", "markdown", "latex", "csv")
MISSING = "-"


@dataclass(frozen=True)
class Cell:
    """Some numbers and what is to be said of them.

    Args:
        values: empty where there are none.
        deviations: one a value, or empty.
        digits: behind the point.
        marks: of notes, such as "a".
    """

    values: tuple[float, ...] = ()
    deviations: tuple[float, ...] = ()
    digits: int = 1
    marks: tuple[str, ...] = ()

    def numbers(self) -> list[str]:
        """Each value, with its deviation behind it."""
        texts = [f"{value:,.{self.digits}f}" for value in self.values]
        if not self.deviations:
            return texts
        pairs = zip(texts, self.deviations, strict=True)
        return [f"{text} ± {deviation:.{self.digits}f}" for text, deviation in pairs]

    def __str__(self) -> str:
        marks = "".join(f" [{mark}]" for mark in self.marks)
        return (" / ".join(self.numbers()) or MISSING) + marks


@dataclass(frozen=True)
class Table:
    """What stands in a table and around it, before it has a format.

    Args:
        title: what it shows.
        rules: how its numbers were made: (the first label of the rows it is about, or "" for all, the rule).
        labels: headings of the columns of text that come first.
        columns: headings of the columns of cells, each from the widest group of columns to the narrowest.
        value_names: names of the values of a cell, "10", "20", "50"; empty where a cell has one value.
        rows: texts for ``labels``, then a Cell for each of ``columns``.
        notes: mark -> text.
    """

    title: str
    rules: list[tuple[str, str]]
    labels: list[str]
    columns: list[tuple[str, ...]]
    value_names: tuple[str, ...]
    rows: list[tuple[list[str], list[Cell]]]
    notes: dict[str, str]

    def headings(self) -> list[tuple[str, ...]]:
        """``columns`` with the names of the values behind the narrowest, as ``mR@10 / 20 / 50``."""
        names = f"@{' / '.join(self.value_names)}" if self.value_names else ""
        return [(*column[:-1], column[-1] + names) for column in self.columns]

    def body(self) -> list[list[str]]:
        return [[*labels, *map(str, cells)] for labels, cells in self.rows]

    def rule_lines(self) -> list[str]:
        return [f"{rows}: {rule}" if rows else rule for rows, rule in self.rules]

    def note_lines(self) -> list[str]:
        return [f"[{mark}] {text}" for mark, text in self.notes.items()]


def render(table: Table, form: str) -> str:
    """``table`` as a string of the format ``form``, one of FORMATS."""
    return {"text": _text, "markdown": _markdown, "latex": _latex, "csv": _csv}[form](table)


def _text(table: Table) -> str:
    levels = len(table.columns[0])
    blank = "\n" * (levels - 1)
    headers = [blank + label for label in table.labels]
    before = ("",) * levels
    for heading in table.headings():
        # A group's heading stands over its first column only.
        headers.append(
            "\n".join(
                "" if heading[: i + 1] == before[: i + 1] else heading[i] for i in range(levels)
            )
        )
        before = heading
    grid = tabulate(
        table.body(), headers=headers, disable_numparse=True, colalign=_alignment(table)
    )
    return "\n".join([table.title, *table.rule_lines(), grid, *table.note_lines()])


def _alignment(table: Table) -> list[str]:
    """Single numbers stand under each other's last digit."""
    side = "left" if table.value_names else "right"
    return ["left"] * len(table.labels) + [side] * len(table.columns)


def _markdown(table: Table) -> str:
    headers = [*table.labels, *(", ".join(heading) for heading in table.headings())]
    grid = tabulate(
        # A bar in a name would begin a column.
        [[text.replace("|", "\\|") for text in row] for row in table.body()],
        headers=headers,
        tablefmt="pipe",
        disable_numparse=True,
        colalign=_alignment(table),
    )
    above = [f"**{table.title}**", *table.rule_lines()]
    paragraphs = ["  \n".join(above), grid, "  \n".join(table.note_lines())]
    return "\n\n".join(filter(None, paragraphs))


def _latex(table: Table) -> str:
    """booktabs; the groups of columns as the paper has them. Rules and notes stand below."""
    grid = tabulate(
        table.body(), tablefmt="latex_booktabs", disable_numparse=True, colalign=_alignment(table)
    ).splitlines()
    head = [_latex_line(table, level) for level in range(len(table.columns[0]))]
    remarks = [table.title, *table.rule_lines(), *table.note_lines()]
    below = [f"\\par {_escape(remark)}" for remark in remarks]
    top = grid.index(r"\toprule") + 1
    lines = [*grid[:top], *head, r"\midrule", *grid[top:], "", r"{\footnotesize", *below, "}"]
    return "\n".join(lines)


def _latex_line(table: Table, level: int) -> str:
    last = level == len(table.columns[0]) - 1
    cells = [_escape(label) if last else "" for label in table.labels]
    for group, columns in groupby(table.headings(), key=lambda heading: heading[: level + 1]):
        width = len(list(columns))
        heading = _escape(group[-1])
        cells.append(heading if width == 1 else rf"\multicolumn{{{width}}}{{c}}{{{heading}}}")
    return " & ".join(cells) + r" \\"


def _escape(text: str) -> str:
    return "".join(LATEX_ESCAPE_RULES.get(character, character) for character in text)


def _csv(table: Table) -> str:
    """A column a number, percent as in the other formats; where some number has a deviation, a column for it behind."""
    spread = [
        any(cells[i].deviations for _, cells in table.rows) for i in range(len(table.columns))
    ]
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    header = [label.lower() for label in table.labels]
    for column, has_spread in zip(table.columns, spread, strict=True):
        header += _csv_headings(column, table.value_names, has_spread)
    writer.writerow([*header, "notes", "rules"])
    for labels, cells in table.rows:
        row = list(labels)
        for cell, has_spread in zip(cells, spread, strict=True):
            row += _csv_cells(cell, max(len(table.value_names), 1), has_spread)
        marks = dict.fromkeys(mark for cell in cells for mark in cell.marks)
        notes = "; ".join(table.notes[mark] for mark in marks)
        rules = "; ".join(rule for rows, rule in table.rules if rows in ("", labels[0]))
        writer.writerow([*row, notes, rules])
    return file.getvalue().rstrip("\n")


def _csv_headings(column: tuple[str, ...], names: tuple[str, ...], spread: bool) -> list[str]:
    headings = [", ".join(column) + (f"@{name}" if name else "") for name in names or ("",)]
    return [
        h
        for heading in headings
        for h in ([heading, f"{heading} deviation"] if spread else [heading])
    ]


def _csv_cells(cell: Cell, width: int, spread: bool) -> list[str]:
    values = [f"{value:.{cell.digits}f}" for value in cell.values] or [""] * width
    deviations = [f"{value:.{cell.digits}f}" for value in cell.deviations] or [""] * width
    return [
        text
        for pair in zip(values, deviations, strict=True)
        for text in (pair if spread else pair[:1])
    ]
