"""How fast a config's data path is, and whether training waits for it, on made-up frames."""

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice

from detectron2.config import CfgNode
from detectron2.data import DatasetCatalog
from tqdm import tqdm

from vost_sgg.config import stage_configs
from vost_sgg.data.loaders import build_train_loader
from vost_sgg.data.mapper import ClipMapper, read_frame
from vost_sgg.engine.accumulation import AccumulationTrainer
from vost_sgg.engine.benchmark.inputs import made_up_model
from vost_sgg.engine.benchmark.made_up_frames import write_made_up_frames
from vost_sgg.engine.benchmark.timing import synchronise
from vost_sgg.engine.optimizer import build_optimizer, max_gradient_norm

_NAME = "made_up_frames"
_VIDEOS, _FRAMES = 8, 20
_WARM_UP = 2  # steps: the workers start, and the batches that they make ahead are used up or not


@dataclass(frozen=True)
class DataWorkload:
    """What is measured.

    Args:
        size: (width, height) of the frames in pixels, before they are resized.
        workers: data workers of the loader that training waits for, or not.
        batches: read by the loader alone.
        steps: of training in each stage; 0 trains none.
    """

    size: tuple[int, int]
    workers: int
    batches: int
    steps: int


def benchmark_data(cfg: CfgNode, workload: DataWorkload) -> dict:
    """Times reading a frame, mapping it, and loading batches by one worker and by all; then a training of each stage.

    Returns:
        ``settings``, ``milliseconds_per_frame`` of "decode" and "decode and map" in one process, ``frames_per_second``
        of the loader by number of workers, ``training``: for each stage, the seconds of a step and those of them that
        it waits for its batch.
    """
    stages = stage_configs(cfg)
    with _made_up_data_set(workload.size) as bytes_per_frame, tqdm(total=3) as progress:
        stages = {name: _on_made_up_frames(stage) for name, stage in stages.items()}
        last = list(stages.values())[-1]
        report = {"settings": _settings(last, workload, bytes_per_frame)}
        progress.set_description("one process")
        report["milliseconds_per_frame"] = _one_process(last)
        progress.update()
        progress.set_description("loaders")
        counts = dict.fromkeys((1, workload.workers))
        report["frames_per_second"] = {
            str(n): _loader_rate(last, n, workload.batches) for n in counts if n
        }
        progress.update()
        progress.set_description("training")
        report["training"] = {
            name: _training(stage, workload) for name, stage in stages.items() if workload.steps
        }
        progress.update()
    return report


@contextmanager
def _made_up_data_set(size: tuple[int, int]) -> Iterator[float]:
    """Registers a data set of PNG files in a temporary folder; yields the mean bytes of a file."""
    with tempfile.TemporaryDirectory() as folder:
        records = list(write_made_up_frames(folder, size, videos=_VIDEOS, frames=_FRAMES))
        DatasetCatalog.register(_NAME, lambda: records)
        try:
            yield statistics.mean(os.path.getsize(record["file_name"]) for record in records)
        finally:
            DatasetCatalog.remove(_NAME)


def _on_made_up_frames(cfg: CfgNode) -> CfgNode:
    cfg = cfg.clone()
    cfg.defrost()
    cfg.DATASETS.TRAIN = (_NAME,)
    return cfg


def _settings(cfg: CfgNode, workload: DataWorkload, bytes_per_frame: float) -> dict:
    return {
        "size": list(workload.size),
        "file_bytes": round(bytes_per_frame),
        "batch": cfg.SOLVER.IMS_PER_BATCH,
        "workers": workload.workers,
        "batches": workload.batches,
        "steps": workload.steps,
        "device": cfg.MODEL.DEVICE,
        "cpus": len(os.sched_getaffinity(0)),
    }


def _one_process(cfg: CfgNode) -> dict:
    records, mapper = DatasetCatalog.get(_NAME), ClipMapper(cfg, is_train=True)
    calls: dict[str, Callable[[dict], object]] = {
        "decode": lambda record: read_frame(record, cfg.INPUT.FORMAT),
        "decode and map": lambda record: mapper([record], {0: []}),
    }
    times = {name: [_seconds(call, record) for record in records] for name, call in calls.items()}
    return {name: 1e3 * statistics.median(values) for name, values in times.items()}


def _seconds(call: Callable, *args) -> float:
    start = time.perf_counter()
    call(*args)
    return time.perf_counter() - start


def _loader(cfg: CfgNode, workers: int):
    cfg = cfg.clone()
    cfg.DATALOADER.NUM_WORKERS = workers
    # Priors are read from caches of their own, which made-up frames have not.
    return build_train_loader(cfg, mapper=ClipMapper(cfg, is_train=True))


def _loader_rate(cfg: CfgNode, workers: int, batches: int) -> float:
    """Frames a second of the loader, whose reader does nothing else; the first batches are not counted."""
    iterator, frames = iter(_loader(cfg, workers)), 0
    for _ in islice(iterator, _WARM_UP + 2 * workers):
        pass
    start = time.perf_counter()
    for clips in islice(iterator, batches):
        frames += sum(len(clip["frames"]) for clip in clips)
    return frames / (time.perf_counter() - start)


def _training(stage: CfgNode, workload: DataWorkload) -> dict:
    """Median seconds of a step of the trainer's, and of the wait for its batch within."""
    model = made_up_model(stage)
    if not any(p.requires_grad for p in model.parameters()):
        return {"seconds": None, "waiting_seconds": None}
    waits: list[float] = []
    trainer = AccumulationTrainer(
        model,
        _Timed(_loader(stage, workload.workers), waits),
        build_optimizer(stage, model),
        accumulation_steps=stage.SOLVER.ACCUMULATION_STEPS,
        max_norm=max_gradient_norm(stage),
        amp=stage.SOLVER.AMP.ENABLED,
    )
    trainer.iter = 0  # an iteration that writes no metrics
    device = next(model.parameters()).device
    steps, waiting = [], []
    for _ in range(_WARM_UP + workload.steps):
        waits.clear()
        steps.append(_seconds(lambda: (trainer.run_step(), synchronise(device))))
        waiting.append(sum(waits))
    return {
        "seconds": statistics.median(steps[_WARM_UP:]),
        "waiting_seconds": statistics.median(waiting[_WARM_UP:]),
    }


class _Timed:
    """A loader whose reader's waits are noted."""

    def __init__(self, loader, waits: list[float]):
        self.loader, self.waits = loader, waits

    def __iter__(self) -> Iterator[list[dict]]:
        iterator = iter(self.loader)
        while True:
            start = time.perf_counter()
            clips = next(iterator)
            self.waits.append(time.perf_counter() - start)
            yield clips
