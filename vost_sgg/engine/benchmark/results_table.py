"""A markdown table of what ``benchmark.py model --json`` has written, a row a config."""

from collections.abc import Callable, Sequence
from pathlib import Path

from tabulate import tabulate

from vost_sgg.engine.benchmark.reports import mib, read_report

_COLUMNS = (
    "config",
    "latency, ms",
    "video, frames/s",
    "training step, s",
    "peak memory",
    "of peak",
    "over frame by frame",
    "over the plain step",
)


def markdown_table(paths: Sequence[str]) -> str:
    """What was measured, in one line, then the table.

    Raises:
        FileNotFoundError, ValueError: as :func:`read_report`, or the files were not measured alike.
    """
    reports = {path: read_report(path, "model", "table") for path in paths}
    first = reports[paths[0]]
    for path, report in reports.items():
        if (there := _measured_on(report)) != (here := _measured_on(first)):
            raise ValueError(f"table: {path} is of {there}, {paths[0]} of {here}: one table each")
    rows = [_row(report) for report in reports.values()]
    table = tabulate(rows, _COLUMNS, "github", disable_numparse=True, colglobalalign="right")
    return f"{_measured_on(first)}.\n\n{table}"


def _measured_on(report: dict) -> str:
    settings = report["settings"]
    width, height = settings["resized"]
    batches = sorted({step["batch"] for step in report["training"].values()})
    return (
        f"{settings['device']} ({settings['threads']} CPU thread(s)), torch {settings['torch']}, "
        f"{settings['precision']}{', compiled' if settings['compiled'] else ''}: {settings['frames']} frames of "
        f"{width}x{height}, {settings['frames_per_batch']} at once, training batch {' or '.join(map(str, batches))}, "
        f"medians of {settings['repeats']}"
    )


def _row(report: dict) -> tuple[str, ...]:
    video, shares = report["video"], report["peak_share"]
    over_loop = report.get("video_level_over_frame_by_frame")
    of_peak = [f"{what} {shares[what]:.1%}" for what in ("latency", "video")]
    cells = (
        [f"{1e3 * report['latency_seconds']:.1f}"],
        [f"{video['frames_per_second']:.2f}"],
        _of_stages(report, "seconds", "{:.3f}".format),
        _memory(report),
        of_peak + _of_stages(report, "peak_share", "{:.1%}".format),
        [] if over_loop is None else [f"{over_loop:.2f}x"],
        _of_stages(report, "over_plain", "{:.2f}x".format),
    )
    return (Path(report["config"]).stem, *map(", ".join, cells))


def _memory(report: dict) -> list[str]:
    """Nothing for a CPU, where it is the whole process's and never falls: ``--memory`` measures it."""
    if report["settings"]["device_type"] == "cpu":
        return []
    video = f"inference {mib(report['video']['peak_memory_bytes'])}"
    return [video, *_of_stages(report, "peak_memory_bytes", mib)]


def _of_stages(report: dict, key: str, said: Callable[[float], str]) -> list[str]:
    """``key`` of the training step of each stage that trains anything."""
    return [
        f"{stage} {said(step[key]) if step[key] is not None else step['missing'] or 'not measured'}".strip()
        for stage, step in report["training"].items()
        if step["missing"] != "nothing to train"
    ]
