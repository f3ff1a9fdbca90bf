"""A training of the real model in stages, very small, that kills its own process at a named point: test_stages.py,
test_detector_stage.py.
"""

from pathlib import Path

import torch
from detectron2.utils.env import seed_all_rng

from tests.sudden_death import die, on_call
from tests.tiny import register, tiny_records
from vost_sgg.config import get_vost_cfg
from vost_sgg.engine import SGGTrainer
from vost_sgg.engine.accumulation import AccumulationTrainer
from vost_sgg.engine.stages import remaining_stages
from vost_sgg.evaluation import DetectionEvaluator, SceneGraphEvaluator

# 6 clips in batches of 3: 2 iterations an epoch, and 2 epochs a stage.
VIDEOS = {"A.mp4": 5, "B.mp4": 1}
SIZE = [
    *("MODEL.TRANSFORMER.D_MODEL", 16, "MODEL.TRANSFORMER.NUM_HEADS", 2),
    *("MODEL.TRANSFORMER.DIM_FEEDFORWARD", 16, "MODEL.SLIM_RESNET.CHANNELS", (4, 8, 16)),
    *("MODEL.QUERY_INITIALIZER.NUM_QUERIES", 5, "MODEL.IMAGE_ENCODER.NUM_LAYERS", 1),
    *("INPUT.MIN_SIZE_TRAIN", (32,), "INPUT.MIN_SIZE_TEST", 32, "DATALOADER.NUM_WORKERS", 0),
]
SCHEDULE = [
    *("DATASETS.TRAIN", ("tiny_train",), "DATASETS.TEST", ("tiny_test",)),
    *("STAGES.DETECTOR.SOLVER.EPOCHS", 0),
    *("STAGES.SPATIAL.SOLVER.EPOCHS", 2, "STAGES.SPATIAL.SOLVER.LR_DROP_EPOCHS", (1,)),
    *("STAGES.TEMPORAL.SOLVER.EPOCHS", 2, "STAGES.TEMPORAL.SOLVER.LR_DROP_EPOCHS", (1,)),
    *("STAGES.SPATIAL.SOLVER.IMS_PER_BATCH", 3, "STAGES.TEMPORAL.SOLVER.IMS_PER_BATCH", 3),
    *("SOLVER.BASE_LR", 0.01, "SOLVER.LR_SCHEDULER_NAME", "WarmupMultiStepLR"),
    *("SOLVER.WARMUP_ITERS", 0, "TEST.EVAL_EPOCHS", 1),
]
# Where a process dies, and which call of what it is then in. A stage makes 4 steps and 2 evaluations.
POINTS = {
    "in the spatial stage": (AccumulationTrainer, "run_step", 4),
    "in the last evaluation of the spatial stage": (SceneGraphEvaluator, "evaluate", 2),
    "before the first checkpoint of the temporal stage": (AccumulationTrainer, "run_step", 5),
    "in the temporal stage": (AccumulationTrainer, "run_step", 8),
    "in the last evaluation of the temporal stage": (SceneGraphEvaluator, "evaluate", 4),
}
# The same with a detector stage before them, of as many steps.
DETECTOR_STAGE = (
    *("STAGES.DETECTOR.SOLVER.EPOCHS", 2, "STAGES.DETECTOR.SOLVER.LR_DROP_EPOCHS", (1,)),
    *("STAGES.DETECTOR.SOLVER.IMS_PER_BATCH", 3),
)
DETECTOR_POINTS = {
    "in the detector stage": (AccumulationTrainer, "run_step", 4),
    "in the last evaluation of the detector stage": (DetectionEvaluator, "evaluate", 2),
    "in the spatial stage behind it": (AccumulationTrainer, "run_step", 8),
}


def staged_cfg(output: Path, *opts, task: str = "sgdet"):
    """OED at sample size, smaller still, on data sets that are registered as "tiny_train" and "tiny_test"."""
    return get_vost_cfg(
        f"configs/sample/oed_{task}.yaml", [*SIZE, *SCHEDULE, "OUTPUT_DIR", str(output), *opts]
    )


def train_stages(cfg, resume: bool) -> list[SGGTrainer]:
    """What tools/train_net.py does; the trainers of the stages that it went through."""
    trainers = []
    for stage in remaining_stages(cfg, resume=resume):
        trainers.append(SGGTrainer(stage))
        trainers[-1].resume_or_load(resume)
        trainers[-1].train()
    return trainers


def train(data: Path, output: Path, point: str, resume: bool, opts: tuple = ()) -> None:
    """One command's training on one thread; OUTPUT/results.pth gets each stage's last evaluation."""
    torch.set_num_threads(1)
    records = tiny_records(data, VIDEOS)
    register("tiny_train", records)
    register("tiny_test", records)
    points = POINTS | DETECTOR_POINTS
    if point in points:
        owner, method, call = points[point]
        setattr(owner, method, on_call(call, die, getattr(owner, method)))
    cfg = staged_cfg(output, *opts)
    # A resumed process has drawn other numbers before.
    seed_all_rng(cfg.SEED + 1000 * resume)
    results = {t.cfg.OUTPUT_DIR: dict(t._last_eval_results) for t in train_stages(cfg, resume)}
    torch.save(
        {Path(folder).name: found for folder, found in results.items()}, output / "results.pth"
    )
