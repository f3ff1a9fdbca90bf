"""What priors cost: reading those of a frame, beside a training step, and embedding its regions; on made-up frames."""

import json
import os
import tempfile
import time
from collections.abc import Callable

import numpy as np
from detectron2.config import CfgNode
from tqdm import tqdm

from vost_sgg.config import stage_configs
from vost_sgg.engine.benchmark.inputs import SEED, made_up_ground_truth, made_up_training_clips
from vost_sgg.engine.benchmark.made_up_frames import made_up_record
from vost_sgg.engine.benchmark.training import training_step
from vost_sgg.engine.benchmark.workload import Workload
from vost_sgg.modeling import reads_priors
from vost_sgg.priors import FramePairs
from vost_sgg.priors.clip import RANDOM, build_clip
from vost_sgg.priors.extraction import region_prompt, video_features
from vost_sgg.priors.files import features_path, write_texts
from vost_sgg.priors.reader import PriorsFolder
from vost_sgg.structures import PREDICATE_GROUPS
from vost_sgg.vlm.manifest import NAME as MANIFEST

# More videos than a reader keeps files open of, so that a frame of any of them is, as in training, of a closed one.
_VIDEOS, _FRAMES, _PAIRS = 600, 5, 3


def benchmark_priors(cfg: CfgNode, workload: Workload) -> dict:
    """Times reading the priors of frames with three pairs from disk, a training step of each stage of ``cfg``, and
    CLIP on the regions of ``workload.frames`` frames.

    Returns:
        ``settings``; ``reading``: median milliseconds of a frame, "in order" and "in any order"; ``training``: for each
        stage the seconds of a step, its frames, and the ``share`` of the step that reading their priors takes;
        ``regions``: pictures and frames a second, pictures of one forward.

    Raises:
        ValueError: the config's model reads no priors.
    """
    if not reads_priors(cfg):
        raise ValueError(
            "the config's model reads no priors; measure one of configs/{dsqi,vost}_<task>.yaml"
        )
    stages = stage_configs(cfg)
    with tqdm(total=2 + len(stages)) as progress:

        def measure(name: str, call: Callable, *args) -> dict:
            progress.set_description(f"measuring {name}")
            result = call(*args)
            progress.update()
            return result

        report = {"settings": _settings(cfg, workload)}
        report["reading"] = measure("reading", _reading, cfg, workload.size)
        slowest = max(report["reading"].values()) / 1e3
        report["training"] = {
            name: measure(f"training {name}", _share, stage, workload, slowest)
            for name, stage in stages.items()
        }
        report["regions"] = measure("CLIP", _regions, cfg, workload)
    return report


def _settings(cfg: CfgNode, workload: Workload) -> dict:
    priors = cfg.MODEL.PRIORS
    return {
        "task": cfg.MODEL.TASK,
        "device": str(workload.device),
        "precision": workload.precision,
        "size": list(workload.size),
        "cpus": len(os.sched_getaffinity(0)),
        "pairs": _PAIRS,
        "frames": workload.frames,
        "repeats": workload.repeats,
        "clip": priors.CLIP.NAME,
        "region_mode": priors.REGION.MODE,
        "frames_per_batch": priors.FRAMES_PER_BATCH,
    }


def _reading(cfg: CfgNode, size: tuple[int, int]) -> dict[str, float]:
    """Median milliseconds of a frame, the files being in the page cache as in any epoch but the first."""
    generator = np.random.default_rng(SEED)
    with tempfile.TemporaryDirectory() as path:
        videos = [_write_video(path, cfg, v, generator, size) for v in range(_VIDEOS)]
        write_texts(path, *(_unit(generator, n, cfg.MODEL.PRIORS.DIM) for n in (36, 26)))
        with open(os.path.join(path, MANIFEST), "w") as file:
            json.dump({"task": cfg.MODEL.TASK}, file)
        folder, records = PriorsFolder(path), [record for video in videos for record in video]
        shuffled = [records[i] for i in generator.permutation(len(records))]
        for record in records:  # opens every file
            folder.read(record)
        return {
            order: 1e3 * float(np.median([_seconds(folder.read, record) for record in chosen]))
            for order, chosen in (("in order", records), ("in any order", shuffled))
        }


def _write_video(
    path: str, cfg: CfgNode, video: int, generator: np.random.Generator, size: tuple[int, int]
) -> list[dict]:
    """Stores made-up features of a video; returns the records of its frames."""
    given = [_frame(generator, video, number, size) for number in range(_FRAMES)]
    records, pairs = ([one[i] for one in given] for i in range(2))
    if cfg.MODEL.TASK == "sgdet":
        for frame in pairs:
            frame.pairs[:] = -1
    width = cfg.MODEL.PRIORS.DIM
    regions = [_unit(generator, len(f.regions()[0]), width).astype(np.float16) for f in pairs]
    video_features(records, pairs, regions, {}).write(
        features_path(path, records[0]["video_id"]), "", {}
    )
    return records


def _frame(
    generator: np.random.Generator, video: int, number: int, size: tuple[int, int]
) -> tuple[dict, FramePairs]:
    truth = made_up_ground_truth(generator, _PAIRS, size)
    named = np.concatenate([getattr(truth, group) for group in PREDICATE_GROUPS], axis=1)
    pairs = FramePairs(
        truth.classes[truth.pairs], named, truth.boxes[truth.pairs], truth.pairs.copy()
    )
    return made_up_record(truth, video, number), pairs


def _unit(generator: np.random.Generator, count: int, width: int) -> np.ndarray:
    values = generator.standard_normal((count, width), np.float32)
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def _seconds(call: Callable, *args) -> float:
    start = time.perf_counter()
    call(*args)
    return time.perf_counter() - start


def _share(stage: CfgNode, workload: Workload, seconds_per_frame: float) -> dict:
    """A training step of ``stage``, and the share of it that reading its priors one by one would take."""
    step = training_step(stage, workload)
    clip = made_up_training_clips(stage, 1, workload.size)[0]
    frames = step["batch"] * len(clip["frames"])
    share = step["seconds"] and frames * seconds_per_frame / step["seconds"]
    return {"seconds": step["seconds"], "frames": frames, "share": share}


def _regions(cfg: CfgNode, workload: Workload) -> dict:
    """CLIP as the extraction runs it, with random weights, which cost what trained ones do."""
    cfg = cfg.clone()
    cfg.defrost()
    cfg.MODEL.DEVICE, cfg.MODEL.PRIORS.CLIP.WEIGHTS = str(workload.device), RANDOM
    clip, prompt = build_clip(cfg), region_prompt(cfg)
    generator = np.random.default_rng(SEED)
    width, height = workload.size
    image = generator.integers(0, 256, (height, width, 3), dtype=np.uint8)
    boxes = [_frame(generator, 0, 0, workload.size)[1].regions()[0] for _ in range(workload.frames)]
    step = cfg.MODEL.PRIORS.FRAMES_PER_BATCH

    def embed(some: list[np.ndarray]) -> int:
        pictures = [picture for frame in some for picture in prompt(image, frame)]
        return len(clip.pictures(pictures))

    largest = embed(boxes[:step])  # warms up
    batches = [boxes[i : i + step] for i in range(0, len(boxes), step)]
    spent = float(
        np.median([_seconds(lambda: [embed(b) for b in batches]) for _ in range(workload.repeats)])
    )
    return {
        "pictures_per_second": sum(map(len, boxes)) / spent,
        "frames_per_second": len(boxes) / spent,
        "pictures_per_forward": largest,
    }
