"""What the benchmark prints: tables of its JSON documents, and ratios of two of them."""

import json
from collections.abc import Iterator

from detectron2.utils.file_io import PathManager
from tabulate import tabulate


def parameter_table(counts: dict) -> str:
    """The table of ``count_parameters``'s result."""
    rows = [("total", counts["total"])]
    rows += [(f"trainable {stage}".strip(), n) for stage, n in counts["trainable"].items()]
    rows += [(f"  {module}", n) for module, n in counts["modules"].items()]
    return tabulate([(name, f"{n:,}") for name, n in rows], ("parameters", ""), **_RIGHT)


def model_tables(report: dict) -> str:
    """The tables of ``benchmark_model``'s document."""
    settings = report["settings"]
    width, height = settings["resized"]
    head = (
        f"{settings['task']} on {settings['device']} ({settings['threads']} CPU thread(s)), "
        f"{settings['precision']}{', compiled' if settings['compiled'] else ''}: "
        f"{settings['frames']} frames of {width}x{height}, "
        f"medians of {settings['repeats']}"
    )
    uncounted = ", ".join(name.removeprefix("aten::") for name in report["flops"]["uncounted"])
    parts = [
        head,
        tabulate(_measurements(report), ("measured", ""), **_RIGHT),
        tabulate(_phases(report), ("phase", "ms a frame", "GFLOPs", "of peak"), **_RIGHT),
        f"FLOPs are fvcore's: a multiply-add counts one. Not counted: {uncounted}.",
    ]
    if report["memory"]:
        parts.append(_memory_table(report["memory"], "each in a process of its own"))
    if report["put_back"]:
        parts.append(_put_back_table(report["put_back"]))
    return "\n\n".join(parts)


def training_lines(report: dict) -> list[str]:
    """The comparison of each stage's training step with the plain one, where both were measured."""
    return [
        f"training step over the plain one: {step['over_plain']:.2f}x "
        f"({f'{stage}, ' if stage else ''}batch {step['batch']}, plain: {step['plain_seconds']:.4g} s)"
        for stage, step in report["training"].items()
        if step["over_plain"] is not None
    ]


def ratio_lines(report: dict) -> list[str]:
    """The comparison with the frame-by-frame loop, the ratio last; nothing for a model without a temporal phase."""
    compared = report.get("frame_by_frame")
    if compared is None:
        return []
    difference = compared["largest_difference"]
    said = "the slots or classes differ" if difference is None else f"{difference:.1e}"
    bound = compared["tolerance"]
    return [
        f"frame by frame: {compared['seconds_per_frame']:.4g} s a frame, "
        f"video-level: {compared['video_seconds_per_frame']:.4g} s a frame",
        f"largest difference of their outputs: {said}"
        + (f" (allowed: {bound:.0e})" if bound else " (not judged: the loop runs in float32)"),
        f"video-level over frame-by-frame: {report['video_level_over_frame_by_frame']:.2f}x",
    ]


def evaluator_table(report: dict) -> str:
    """The tables of ``benchmark_evaluator``'s document."""
    rates = [(name, f"{rate:,.0f}") for name, rate in report["frames_per_second"].items()]
    tables = [tabulate(rates, ("evaluator", "frames/s"), **_RIGHT)]
    if report["memory"]:
        held = {f"{int(frames):,}": memory for frames, memory in report["memory"].items()}
        tables.append(_memory_table(held, "frames of SGDET"))
    return "\n\n".join(tables)


def data_table(report: dict) -> str:
    """The table of ``benchmark_data``'s document."""
    settings = report["settings"]
    width, height = settings["size"]
    head = (
        f"frames of {width}x{height}, {settings['file_bytes'] / 1e3:.0f} kB in the mean; {settings['cpus']} CPU "
        f"core(s), model on {settings['device']}, batch {settings['batch']}"
    )
    milliseconds = report["milliseconds_per_frame"].items()
    rows = [(f"{name}, one process", f"{value:.2f} ms a frame") for name, value in milliseconds]
    rates = report["frames_per_second"].items()
    rows += [(f"loader, {n} worker(s)", f"{rate:,.1f} frames/s") for n, rate in rates]
    for stage, step in report["training"].items():
        name = f"training step {stage}".strip()
        if step["seconds"] is None:
            rows.append((name, "nothing to train"))
            continue
        share = step["waiting_seconds"] / step["seconds"]
        said = f"{1e3 * step['waiting_seconds']:.1f} ms of {step['seconds']:.3f} s ({share:.1%})"
        rows.append((f"{name} waits for its batch", said))
    return head + "\n" + tabulate(rows, ("data", ""), **_RIGHT)


def priors_table(report: dict) -> str:
    """The table of ``benchmark_priors``'s document."""
    settings, regions = report["settings"], report["regions"]
    width, height = settings["size"]
    head = (
        f"{settings['task']} on {settings['device']}, {settings['cpus']} CPU core(s), frames of {width}x{height} with "
        f"{settings['pairs']} pairs"
    )
    rows = [
        (f"reading {order}", f"{ms:.3f} ms a frame ({1e3 / ms:,.0f} frames/s)")
        for order, ms in report["reading"].items()
    ]
    for stage, step in report["training"].items():
        name = f"training step {stage}".strip() + f", {step['frames']} frames"
        said = "nothing to train"
        if step["seconds"] is not None:
            said = f"{step['seconds']:.3f} s, {step['share']:.3%} of it to read their priors"
        rows.append((name, said))
    name = f"regions, {settings['clip']}, {regions['pictures_per_forward']} a forward"
    rates = f"{regions['pictures_per_second']:,.1f}/s ({regions['frames_per_second']:.2f} frames/s)"
    return head + "\n" + tabulate([*rows, (name, rates)], ("priors", ""), **_RIGHT)


def vlm_table(report: dict) -> str:
    """The table of ``benchmark_vlm``'s document."""
    settings, tasks = report["settings"], report["tasks"].values()
    width, height = settings["size"]
    head = (
        f"{settings['frames']} frames of {width}x{height} with {settings['pairs']} pairs, a backend that answers at "
        f"once, one process on {settings['cpus']} CPU core(s)"
    )
    rates = {
        "prompts": "prompts/s",
        "frames": "frames/s",
        "images_alone": "reading the images alone, frames/s",
        "parsed": "parser, answers/s",
        "malformed_parsed": "parser, malformed answers/s",
        "cached_frames": "reading the cache, frames/s",
    }
    rows = [
        (name, *(f"{task[f'{key}_per_second']:,.0f}" for task in tasks))
        for key, name in rates.items()
    ]
    rows.append(("cache, bytes a frame", *(f"{task['bytes_per_frame']:,.0f}" for task in tasks)))
    whole = [
        f"{task['action_genome_hours']:.2f} h, {task['action_genome_bytes'] / 1e6:,.0f} MB"
        for task in tasks
    ]
    rows.append((f"{settings['action_genome_frames']:,} frames", *whole))
    return head + "\n" + tabulate(rows, ("vlm", *report["tasks"]), **_RIGHT)


def index_table(report: dict) -> str:
    """The table of ``benchmark_index``'s document."""
    settings = report["settings"]
    head = (
        f"{settings['frames']:,} frames, {settings['bytes'] / 1e6:,.0f} MB of annotations, "
        f"{settings['cpus']} CPU core(s); seconds and MiB beyond the imports"
    )
    starts = [report["first_start"], report["second_start"]]
    rows = []
    for step in starts[0]["seconds"]:
        times = [f"{s['seconds'][step]:.2f} s ({s['cpu_seconds'][step]:.2f} CPU)" for s in starts]
        rows.append((step, *times))
    rows.append(("peak memory", *(mib(s["peak_bytes"]) for s in starts)))
    rows.append(("of it imports", *(mib(s["imports_bytes"]) for s in starts)))
    gains = report["worker_bytes"]
    return "\n".join(
        [
            head,
            tabulate(rows, ("index", "first start", "second start"), **_RIGHT),
            f"each of {settings['workers']} data workers adds {mib(gains['records'])} while it reads its share of the "
            f"training frames; as a list of dicts it would add {mib(gains['list_of_dicts'])}",
        ]
    )


def read_report(path: str, kind: str, asked_by: str = "--compare") -> dict:
    """The document that an earlier run wrote; an error begins with ``asked_by``.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is none of subcommand ``kind``.
    """
    if not PathManager.isfile(path):
        raise FileNotFoundError(f"{asked_by}: there is no file {path}")
    try:
        with PathManager.open(path, "r", encoding="utf-8") as file:
            report = json.load(file)
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise ValueError(f"{asked_by}: {path} is no JSON file") from None
    if not isinstance(report, dict) or report.get("benchmark") != kind:
        raise ValueError(f"{asked_by}: {path} was not written by benchmark.py {kind} --json")
    return report


def comparison_table(report: dict, other: dict) -> str:
    """Ratios of all numbers in which two runs differ, with the settings in which they do below."""
    ours, theirs = dict(_numbers(report)), dict(_numbers(other))
    rows = [
        (name, f"{value:.4g}", f"{theirs[name]:.4g}", f"{value / theirs[name]:.2f}x")
        for name, value in ours.items()
        if theirs.get(name) and theirs[name] != value
    ]
    settings, before = report["settings"], other["settings"]
    differing = [
        f"{key} is {settings.get(key)}, there {before.get(key)}"
        for key in dict.fromkeys((*settings, *before))
        if settings.get(key) != before.get(key)
    ]
    table = tabulate(rows, ("compared", "this run", "other", "ratio"), **_RIGHT)
    return "\n".join([table, *(f"note: {line}" for line in differing)])


def mib(count: int | None) -> str:
    """Bytes as a table shows them; None did not fit."""
    if count is None:
        return "out of memory"
    return f"{count / 2**20:,.0f} MiB"


_RIGHT = {"disable_numparse": True, "colglobalalign": "right", "colalign": ("left",)}
_LEFT_TWO = {**_RIGHT, "colalign": ("left", "left")}


def _measurements(report: dict) -> list[tuple[str, str]]:
    video, share = report["video"], report["peak_share"]["latency"]
    rows = [
        ("latency of a target with its references", f"{1e3 * report['latency_seconds']:.1f} ms"),
        ("of peak, latency", f"{share:.1%}"),
        ("video throughput", f"{video['frames_per_second']:.2f} frames/s"),
        ("peak memory, inference", mib(video["peak_memory_bytes"])),
    ]
    if "compiling_seconds" in report:
        rows.append(("first passes, which compile", f"{report['compiling_seconds']:.1f} s"))
    for stage, step in report["training"].items():
        name = f"training step {stage}".strip() + f", batch {step['batch']}"
        if step["seconds"] is None:
            rows.append((name, step["missing"]))
            continue
        rows.append((name, f"{step['seconds']:.3f} s"))
        rows.append((f"of peak, {name}", f"{step['peak_share']:.1%}"))
        rows.append((f"peak memory, {name}", mib(step["peak_memory_bytes"])))
    rows.append(("matmul peak", f"{report['matmul_peak'] / 1e12:.3f} TFLOP/s"))
    return rows


def _phases(report: dict) -> list[tuple[str, ...]]:
    frames, flops, shares = report["settings"]["frames"], report["flops"], report["peak_share"]

    def row(name: str, spent: float, count: float | None) -> tuple[str, ...]:
        share = f"{shares[name]:.1%}" if name in shares else ""
        return name, f"{1e3 * spent / frames:.2f}", f"{count / 1e9:.2f}" if count else "", share

    video = report["video"]
    rows = [row(p, s, flops["phases"].get(p)) for p, s in video["phase_seconds"].items()]
    return [*rows, row("video", video["seconds"], flops["per_frame"] + flops["per_target"])]


def _memory_table(memory: dict[str, dict], name: str) -> str:
    rows = [
        (what, mib(held["peak_bytes"]), mib(held["imports_bytes"])) for what, held in memory.items()
    ]
    return tabulate(rows, (name, "peak memory", "of it imports"), **_RIGHT)


def _put_back_table(put_back: dict[str, dict]) -> str:
    rows = [
        (name, plain, f"{timed['seconds']:.4g}", f"{timed['over_ours']:.2f}x")
        if timed["seconds"] is not None
        else (name, plain, "out of memory", "")
        for name, changes in put_back.items()
        for plain, timed in changes.items()
    ]
    return tabulate(rows, ("measured", "put back to plain", "seconds", "to ours"), **_LEFT_TWO)


def _numbers(node: dict, prefix: str = "") -> Iterator[tuple[str, float]]:
    """The numbers of a document by their dotted names, its settings left out."""
    for key, value in node.items():
        if isinstance(value, dict) and prefix + key not in ("settings", "flops.uncounted"):
            yield from _numbers(value, f"{prefix}{key}.")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield prefix + key, value
