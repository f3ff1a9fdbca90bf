"""The trainer: detectron2's, with a schedule in epochs, accumulation, and exact resuming."""

import logging
import os
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from itertools import chain

import torch
from detectron2.config import CfgNode
from detectron2.engine import DefaultTrainer, HookBase, TrainerBase, hooks
from detectron2.engine.defaults import create_ddp_model
from detectron2.evaluation import DatasetEvaluator
from detectron2.layers import FrozenBatchNorm2d
from detectron2.modeling import META_ARCH_REGISTRY, ResNet
from detectron2.utils import comm
from torch import nn
from torch.utils.data import DataLoader

import vost_sgg.modeling  # registers the meta-architecture and its parts
import vost_sgg.vlm  # noqa: F401  registers CachedVLM
from vost_sgg.data.frames import frame_ground_truth
from vost_sgg.data.loaders import (
    VideoIndex,
    build_test_loader,
    build_train_loader,
    check_datasets,
    read_datasets,
)
from vost_sgg.engine.accumulation import AccumulationTrainer, DivergedError
from vost_sgg.engine.checkpointer import SGGCheckpointer
from vost_sgg.engine.class_embeddings import fill_class_embeddings
from vost_sgg.engine.hooks import EpochCheckpointer, FinishedEvalHook, cut_unfinished_line
from vost_sgg.engine.optimizer import (
    build_optimizer,
    check_reference_world_size,
    max_gradient_norm,
    schedule_in_iterations,
)
from vost_sgg.engine.priors import build_mapper, check_priors, check_videos, priors_identity
from vost_sgg.engine.random_state import preserved_random_state, set_random_state
from vost_sgg.engine.replay import save_step
from vost_sgg.engine.run_identity import check_resumable, model_identity, run_identity
from vost_sgg.evaluation import EVALUATOR, FrequencyBaseline
from vost_sgg.modeling import DETRDetector
from vost_sgg.modeling.inference import prepare_for_inference
from vost_sgg.modeling.matcher import check_room
from vost_sgg.registry import check_registered

logger = logging.getLogger(__name__)


class SGGTrainer(DefaultTrainer):
    """Trains and evaluates one stage as its config says.

    On one CPU thread count, a run that was interrupted anywhere and resumed ends with the very weights of an
    uninterrupted one: a checkpoint carries the random state of every process, the data order is a function of seed and
    iteration, and evaluation leaves the random state alone.

    Attributes:
        iterations_per_epoch: optimizer steps of one epoch.
        checkpointer: writes into ``cfg.OUTPUT_DIR``.
    """

    def __init__(self, cfg: CfgNode):
        TrainerBase.__init__(self)
        if not has_parameters(cfg):
            raise ValueError(
                f"MODEL.META_ARCHITECTURE {cfg.MODEL.META_ARCHITECTURE} has nothing to train; evaluate it: --eval-only"
            )
        check_reference_world_size(cfg)
        cfg = self.auto_scale_workers(cfg, comm.get_world_size())
        # First of all: a misspelt name must not be found at the end of the first epoch.
        self._evaluators = self.build_evaluators(cfg)
        check_priors(cfg, cfg.DATASETS.TEST)
        model = self.build_model(cfg)
        optimizer = self.build_optimizer(cfg, model)
        data_loader = self.build_train_loader(cfg)
        check_slots(model, data_loader.dataset.index)
        self.iterations_per_epoch = data_loader.batch_sampler.iterations_per_epoch
        self.cfg = schedule_in_iterations(cfg, self.iterations_per_epoch)
        self._trainer = AccumulationTrainer(
            _distributed(model),
            data_loader,
            optimizer,
            accumulation_steps=cfg.SOLVER.ACCUMULATION_STEPS,
            max_norm=max_gradient_norm(cfg),
            amp=cfg.SOLVER.AMP.ENABLED,
        )
        self.scheduler = self.build_lr_scheduler(self.cfg, optimizer)
        self.checkpointer = SGGCheckpointer(
            model,
            cfg.OUTPUT_DIR,
            meta={
                **run_identity(cfg, data_loader.dataset.index.fingerprint),
                **priors_identity(data_loader.dataset.mapper),
            },
            trainer=weakref.proxy(self),
        )
        self.max_iter = self.cfg.SOLVER.MAX_ITER
        self._random_state: Mapping | None = None
        self.register_hooks(self.build_hooks())

    @property
    def bare_model(self) -> nn.Module:
        """The model without the wrapper that several processes put around it."""
        return self.checkpointer.model

    def resume_or_load(self, resume: bool = True) -> None:
        """Goes on from the last checkpoint of OUTPUT_DIR, if ``resume`` and there is one; else starts from
        ``MODEL.WEIGHTS``, and fills the class embeddings if these weights have none.

        Raises:
            ValueError, FileNotFoundError: as :class:`SGGCheckpointer`, :func:`check_resumable`,
                :func:`check_frozen_layers` and :func:`fill_class_embeddings`.
        """
        if not (resume and self.checkpointer.has_checkpoint()):
            if resume:
                logger.info(
                    f"--resume: no checkpoint in {self.cfg.OUTPUT_DIR}, training starts anew"
                )
            check_frozen_layers(self.bare_model, self.cfg)
            self.checkpointer.load(self.cfg.MODEL.WEIGHTS, checkpointables=[])
            fill_class_embeddings(self.bare_model, self.cfg)
            self.checkpointer.start_anew()
            return
        path, saved = self.checkpointer.load_newest(
            lambda meta, path: check_resumable(meta, self.checkpointer.meta, path)
        )
        for name, part in self.checkpointer.checkpointables.items():
            part.load_state_dict(saved.pop(name))
        self.start_iter = self.iter + 1
        self.data_loader.batch_sampler.start_iteration = self.start_iter
        states = saved["random_state"]
        if len(states) == comm.get_world_size():
            self._random_state = states[comm.get_rank()]
        logger.info(f"Resuming from {path} at iteration {self.start_iter} of {self.max_iter}")

    def before_train(self) -> None:
        super().before_train()
        if self._random_state is not None:
            set_random_state(self._random_state)

    def after_train(self) -> None:
        # Behind an error too, which a full disk's own, of what closes the writers, must not replace.
        with nullcontext() if self.iter >= self.max_iter else suppress(OSError):
            super().after_train()

    def build_hooks(self) -> list[HookBase]:
        """Timing, schedule, checkpoints, evaluation (after the checkpoint, so that a failing one can be repeated),
        writers."""
        # The hooks outlive no trainer, and a strong reference to it would keep its memory.
        trainer = weakref.proxy(self)
        registered = [
            hooks.IterationTimer(),
            hooks.LRScheduler(),
            EpochCheckpointer(self.checkpointer, self.cfg.SOLVER.CHECKPOINT_PERIOD),
            FinishedEvalHook(self.cfg.TEST.EVAL_PERIOD, lambda: trainer.evaluate()),
        ]
        if comm.is_main_process():
            registered.append(hooks.PeriodicWriter(self.build_writers(), period=20))
        return registered

    def evaluate(self) -> Mapping:
        """Evaluates the present weights on every test set; draws of the evaluation do not change the training."""
        with preserved_random_state():
            self._last_eval_results = self.test(self.cfg, self.bare_model, self._evaluators)
        return self._last_eval_results

    @classmethod
    def test(cls, cfg: CfgNode, model: nn.Module, evaluators=None) -> Mapping:
        """As detectron2's; pairs of the priors that found no slot, on any process, are said at the end."""
        part = getattr(model, "query_initializer", None)
        before = getattr(part, "num_left_out", 0)
        results = super().test(cfg, model, evaluators)
        left_out = sum(comm.gather(getattr(part, "num_left_out", 0) - before))
        if left_out:
            slots = cfg.MODEL.QUERY_INITIALIZER.NUM_QUERIES
            logger.warning(
                f"{left_out:,} pairs that the VLM named beyond the first {slots} of a frame found no slot "
                "(MODEL.QUERY_INITIALIZER.NUM_QUERIES)"
            )
        return results

    def run_step(self) -> None:
        """Raises FloatingPointError if a loss or gradient, mostly of the step before, is not finite; that step is kept,
        to be run again.
        """
        with self._kept_if_diverged():
            super().run_step()

    def check_step(self) -> None:
        """As :meth:`run_step`, of the last step: asked before its outcome is kept."""
        with self._kept_if_diverged():
            self._trainer.check_step()

    @contextmanager
    def _kept_if_diverged(self) -> Iterator[None]:
        try:
            yield
        except DivergedError as error:
            try:
                path = save_step(self.cfg.OUTPUT_DIR, self.bare_model, error)
                kept = f"tools/replay_step.py {path} runs the step again"
            except OSError as failed:
                kept = f"The step itself is not kept: {failed}"
            raise FloatingPointError(f"{error}. {kept}") from error

    def build_writers(self) -> list:
        cut_unfinished_line(os.path.join(self.cfg.OUTPUT_DIR, "metrics.json"))
        return super().build_writers()

    @classmethod
    def build_model(cls, cfg: CfgNode) -> nn.Module:
        check_registered(META_ARCH_REGISTRY, cfg.MODEL.META_ARCHITECTURE, "MODEL.META_ARCHITECTURE")
        model = vost_sgg.modeling.build_model(cfg)
        for parameter_name, parameter in model.named_parameters():
            if cfg.SOLVER.TRAIN_ONLY not in parameter_name:
                parameter.requires_grad_(False)
        parameters = sum(p.numel() for p in model.parameters())
        trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
        name = cfg.MODEL.META_ARCHITECTURE
        logger.info(f"{name} with {parameters:,} parameters, {trainable:,} of them trainable")
        return model

    @classmethod
    def build_optimizer(cls, cfg: CfgNode, model: nn.Module) -> torch.optim.Optimizer:
        return build_optimizer(cfg, model)

    @classmethod
    def build_train_loader(cls, cfg: CfgNode) -> DataLoader:
        mapper = build_mapper(cfg, cfg.DATASETS.TRAIN, is_train=True)
        loader = build_train_loader(cfg, mapper=mapper)
        check_videos(mapper, loader.dataset.index)
        return loader

    @classmethod
    def build_test_loader(cls, cfg: CfgNode, dataset_name: str) -> DataLoader:
        mapper = build_mapper(cfg, [dataset_name], is_train=False)
        loader = build_test_loader(cfg, dataset_name, mapper=mapper)
        check_videos(mapper, loader.dataset.index)
        return loader

    @classmethod
    def build_evaluators(cls, cfg: CfgNode) -> list[DatasetEvaluator]:
        """One evaluator a test set."""
        if cfg.DATASETS.TEST:
            check_datasets(cfg.DATASETS.TEST, "DATASETS.TEST")
        return [cls.build_evaluator(cfg, name) for name in cfg.DATASETS.TEST]

    @classmethod
    def build_evaluator(cls, cfg: CfgNode, dataset_name: str) -> DatasetEvaluator:
        """The registered evaluator, with the frequency baseline of the training sets."""
        baseline = None
        if cfg.DATASETS.TRAIN:
            check_datasets(cfg.DATASETS.TRAIN, "DATASETS.TRAIN")
            records = chain.from_iterable(read_datasets(cfg.DATASETS.TRAIN))
            baseline = FrequencyBaseline(map(frame_ground_truth, records))
        return EVALUATOR.build(cfg, dataset_name=dataset_name, baseline=baseline)


def has_parameters(cfg: CfgNode) -> bool:
    """Whether the config's model has weights. A class that has none, such as ``CachedVLM``, says so by an attribute of
    this name, and has a method ``load()``, which raises ValueError if what it reads instead is not there."""
    check_registered(META_ARCH_REGISTRY, cfg.MODEL.META_ARCHITECTURE, "MODEL.META_ARCHITECTURE")
    return getattr(META_ARCH_REGISTRY.get(cfg.MODEL.META_ARCHITECTURE), "has_parameters", True)


def load_for_evaluation(cfg: CfgNode, *, resume: bool = False) -> nn.Module:
    """The config's model with the weights of ``MODEL.WEIGHTS``, or of the last checkpoint of OUTPUT_DIR, made quick by
    :func:`prepare_for_inference`; a model that has none as it is built.

    Args:
        resume: prefer the last checkpoint, where there is one.

    Raises:
        ValueError, FileNotFoundError: there are no such weights, or they are not all of this model's; or there are no
            priors, and the model reads them.
    """
    model = SGGTrainer.build_model(cfg)
    check_priors(cfg, cfg.DATASETS.TEST)
    if not has_parameters(cfg):
        model.load()
        return model
    checkpointer = SGGCheckpointer(model, cfg.OUTPUT_DIR, meta=model_identity(cfg), strict=True)
    if not cfg.MODEL.WEIGHTS and not (resume and checkpointer.has_checkpoint()):
        raise ValueError(
            f"--eval-only: there is no checkpoint to evaluate in {cfg.OUTPUT_DIR}: train this stage first, name one as "
            f"MODEL.WEIGHTS, or evaluate another stage by the config.yaml in its folder"
            if resume
            else "--eval-only: name a checkpoint as MODEL.WEIGHTS, or add --resume to take the last one of "
            f"{cfg.OUTPUT_DIR}"
        )
    checkpointer.resume_or_load(cfg.MODEL.WEIGHTS, resume=resume)
    prepare_for_inference(model, compiled=cfg.TEST.COMPILE)
    return model


def check_slots(model: nn.Module, index: VideoIndex) -> None:
    """Raises ValueError if a frame of the training data has more pairs (boxes, for a detector) than the model has slots
    for; slots that are made from the annotations are as many as needed.
    """
    slots = getattr(getattr(model, "query_initializer", None), "num_slots", None)
    if slots is None:
        return
    if isinstance(model, DETRDetector):
        check_room(index.most_boxes, slots, "boxes")
    else:
        check_room(index.most_pairs, slots, "pairs")


def check_frozen_layers(model: nn.Module, cfg: CfgNode) -> None:
    """Raises ValueError if the model has a ResNet with frozen layers and there are no weights to start from."""
    resnets = [module for module in model.modules() if isinstance(module, ResNet)]
    frozen = any(
        isinstance(module, FrozenBatchNorm2d)
        or not all(p.requires_grad for p in module.parameters())
        for resnet in resnets
        for module in resnet.modules()
    )
    if frozen and not cfg.MODEL.WEIGHTS:
        only = cfg.SOLVER.TRAIN_ONLY
        raise ValueError(
            "MODEL.WEIGHTS is empty, and layers of the backbone are frozen: they would stay random "
            f"(MODEL.BACKBONE.FREEZE_AT {cfg.MODEL.BACKBONE.FREEZE_AT}, MODEL.RESNETS.NORM {cfg.MODEL.RESNETS.NORM}"
            f"{f', SOLVER.TRAIN_ONLY {only}' if only else ''}). Start from COCO DETR, converted by "
            "tools/convert_checkpoint.py detr, or from the backbone alone: MODEL.WEIGHTS "
            'detectron2://ImageNetPretrained/torchvision/R-50.pkl (README.md, "On Action Genome")'
        )


def _distributed(model: nn.Module) -> nn.Module:
    """The model in the wrapper that sums gradients over processes, if there are several.

    A module whose trainable parameters need not all take part in the loss says so: ``leaves_parameters_unused``. The
    search for them costs every iteration.
    """
    unused = [getattr(module, "leaves_parameters_unused", False) for module in model.modules()]
    return create_ddp_model(
        model,
        # With a device here the wrapper would copy every tensor of the clips to it, and wait for each.
        device_ids=None,
        broadcast_buffers=False,
        find_unused_parameters=any(unused),
    )
