"""What a data set of Action Genome's size costs a start, in time and memory; every number is of a fresh process."""

import os
import tempfile
import time
from collections.abc import Callable

from detectron2.data.build import trivial_batch_collator
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from vost_sgg.data.action_genome import load_annotation_index
from vost_sgg.data.annotation_index import SPLITS
from vost_sgg.data.catalog import register_action_genome
from vost_sgg.data.loaders import VideoIndex
from vost_sgg.engine.benchmark.fresh_process import in_fresh_process, memory, process_peak
from vost_sgg.engine.benchmark.made_up_annotations import write_made_up_annotations

_NAME = "made_up_action_genome"


def benchmark_index(frames: int, workers: int) -> dict:
    """Generates an annotation set of ``frames`` frames, starts on it twice, and reads it in ``workers`` data workers.

    Returns:
        ``settings``; ``first_start`` and ``second_start`` with seconds (wall clock and CPU) of reading the annotations
        and of filtering and indexing each split, beyond the imports, and bytes of memory; ``worker_bytes``.
    """
    report = {"settings": {"frames": frames, "workers": workers, "cpus": os.cpu_count()}}
    with tempfile.TemporaryDirectory() as root, tqdm(total=4) as progress:

        def measure(what: str, call: Callable, *args):
            progress.set_description(what)
            result = in_fresh_process(call, *args)
            progress.update()
            return result

        folder = os.path.join(root, "annotations")
        measure("generating", write_made_up_annotations, folder, frames)
        os.mkdir(os.path.join(root, "frames"))
        report["settings"]["bytes"] = sum(entry.stat().st_size for entry in os.scandir(folder))
        report["first_start"] = measure("first start", start, root)
        report["second_start"] = measure("second start", start, root)
        report["worker_bytes"] = measure("data workers", worker_memory, root, workers)
    return report


def start(root: str) -> dict:
    """What a start of a training does with the annotations under ``root``, timed."""
    imports = process_peak()
    _register(root)
    steps = {"annotations": lambda: load_annotation_index(root)}
    steps |= {split: lambda split=split: VideoIndex([f"{_NAME}_{split}"]) for split in SPLITS}
    seconds, cpu_seconds = {}, {}
    for name, step in steps.items():
        begin = time.perf_counter(), time.process_time()
        step()
        seconds[name], cpu_seconds[name] = (
            time.perf_counter() - begin[0],
            time.process_time() - begin[1],
        )
    return {
        "seconds": seconds | {"total": sum(seconds.values())},
        "cpu_seconds": cpu_seconds | {"total": sum(cpu_seconds.values())},
        "imports_bytes": imports,
        "peak_bytes": process_peak(),
    }


def worker_memory(root: str, workers: int) -> dict:
    """Bytes of memory of its own (shared with no other process) that a loader's worker has gained when it has read
    every frame of its share, in the mean over the workers, and the same for a process that holds Python's own dicts.
    """
    _register(root)
    frames = VideoIndex([f"{_NAME}_train"]).records
    lists = [frames[position] for position in range(len(frames))]
    return {"records": _gain(frames, workers), "list_of_dicts": _gain(lists, workers)}


class _Walk(Dataset):
    """Item k reads every ``workers``-th frame from k, and says how much memory that took."""

    def __init__(self, frames, workers: int):
        self.frames, self.workers = frames, workers

    def __len__(self) -> int:
        return self.workers

    def __getitem__(self, share: int) -> int:
        before = _own_memory()
        for position in range(share, len(self.frames), self.workers):
            self.frames[position]
        return _own_memory() - before


def _gain(frames, workers: int) -> float:
    loader = DataLoader(
        _Walk(frames, workers),
        num_workers=workers,
        collate_fn=trivial_batch_collator,
        # As a training's workers on Linux; a process that was spawned would spawn its own too.
        multiprocessing_context="fork",
    )
    return sum(gain for batch in loader for gain in batch) / workers


def _register(root: str) -> None:
    for split in SPLITS:
        register_action_genome(f"{_NAME}_{split}", root, split)


def _own_memory() -> int:
    return memory("smaps_rollup", "Private_Dirty") + memory("smaps_rollup", "Private_Clean")
