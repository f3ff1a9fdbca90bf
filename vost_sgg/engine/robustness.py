"""How a trained model fares where the VLM errs: on its answers as they are, made worse in steps, and without any."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace

import numpy as np
import torch
from detectron2.config import CfgNode
from detectron2.data import MetadataCatalog
from detectron2.evaluation import inference_context
from tabulate import tabulate
from tqdm import tqdm

from vost_sgg.engine.stages import final_stage
from vost_sgg.engine.trainer import SGGTrainer, load_for_evaluation
from vost_sgg.evaluation import SceneGraphRecall
from vost_sgg.evaluation.prior_agreement import RARE_PREDICATES, PriorAgreement
from vost_sgg.evaluation.results import scored_by
from vost_sgg.evaluation.slots import GROUP_SIZES
from vost_sgg.modeling import reads_priors
from vost_sgg.priors import priors_folder
from vost_sgg.priors.degradation import degraded, with_predicates
from vost_sgg.priors.files import read_texts
from vost_sgg.structures import PREDICATE_GROUPS, FrameGroundTruth, FramePrediction
from vost_sgg.vlm import AnswerCache, FrameAnswers, cache_folder
from vost_sgg.vlm.cached_model import answered_graph
from vost_sgg.vlm.words import Vocabulary

FORMAT_VERSION = 1
AS_STORED = "as stored"
# Each predicate that the VLM named is replaced with this probability.
NOISE = {f"{100 * p:.0f} % replaced": p for p in (0.25, 0.5, 0.75, 1.0)}
# It named no predicate; boxes, classes and regions, which PredCLS gives, stay.
NO_PREDICATES = "no predicates"
# Nothing was extracted: the feature bank is its null token.
NO_PRIORS = "no priors"
STEPS = (AS_STORED, *NOISE, NO_PREDICATES, NO_PRIORS)
# Where no pairs are given, an answer is more than their predicates.
STEPS_WITHOUT_PAIRS = (AS_STORED, NO_PRIORS)


def measure_robustness(cfg: CfgNode) -> dict:
    """Evaluates ``MODEL.WEIGHTS`` on the test set with the answers of every step, in one pass over the videos.

    Returns:
        The content of ``robustness_<dataset>.json`` but its ``config`` (docs/ablation.md). In SGCLS and SGDET the steps
        are "as stored" and "no priors", and there is no agreement. A model that reads no priors has the step "as
        stored" alone.

    Raises:
        ValueError, FileNotFoundError: there are no weights, or they are not the config's model's.
        CacheError: there are no answers or priors.
    """
    _check(cfg)
    cfg, (name,) = final_stage(cfg), cfg.DATASETS.TEST
    model = load_for_evaluation(cfg)
    metadata = MetadataCatalog.get(name)
    cache, vocabulary = AnswerCache(cache_folder(cfg, name)), Vocabulary.of(metadata)
    task = cfg.MODEL.TASK
    steps = STEPS if task == "predcls" else STEPS_WITHOUT_PAIRS
    if not reads_priors(cfg):
        steps = steps[:1]
    texts = read_texts(priors_folder(cfg, name))[1] if reads_priors(cfg) else None
    agreement = PriorAgreement(metadata.predicate_classes) if task == "predcls" else None
    nms = cfg.MODEL.EVALUATOR.NMS or None
    recalls = {step: {"model": _recall(cfg, nms), "vlm": _recall(cfg, None)} for step in steps}
    with inference_context(model), torch.no_grad():
        for (clip,) in tqdm(SGGTrainer.build_test_loader(cfg, name), unit="video"):
            answers = cache.frames(clip["frames"][0]["video_id"])
            stored, nothing = (
                _answered(clip["frames"], of, task, vocabulary) for of in (answers, {})
            )
            for step in steps:
                graphs = nothing if step == NO_PRIORS else stored
                for truth, graph, named, prediction in _predicted(model, clip, graphs, step, texts):
                    recalls[step]["model"].update(truth, prediction)
                    recalls[step]["vlm"].update(truth, _naming(graph, named))
                    if agreement and step == AS_STORED:
                        agreement.add(truth, prediction, named)
    recall = recalls[AS_STORED]["model"]
    return {
        "format_version": FORMAT_VERSION,
        "method": cfg.MODEL.EVALUATOR.METHOD,
        "weights": cfg.MODEL.WEIGHTS,
        "dataset": name,
        "frame_rule": metadata.get("frame_rule", "unknown"),
        "protocol": asdict(recall.protocol),
        "frames": recall.frames,
        "answers": cache.folder,
        "rare": RARE_PREDICATES,
        "agreement": agreement and agreement.compute(),
        "steps": {
            step: {who: recall.compute() for who, recall in both.items()}
            for step, both in recalls.items()
        },
    }


def steps_table(document: Mapping) -> str:
    """The text table of the steps: recall of the model and of the VLM alone on the same answers, in percent."""
    method = document["method"]
    headers = ["Answers", f"{method}\nR@10", "\nmR@10", "VLM alone\nR@10", "\nmR@10"]
    body = [
        [
            step,
            *(
                f"{100 * both[who]['with'][metric]:.1f}"
                for who in ("model", "vlm")
                for metric in ("R@10", "mR@10")
            ),
        ]
        for step, both in document["steps"].items()
    ]
    grid = tabulate(body, headers=headers, disable_numparse=True, colalign=("left", *["right"] * 4))
    rules = scored_by(document)
    if document["protocol"]["nms"]:
        rules += "; the VLM alone without pair NMS"
    return f"Recall on answers made worse, with constraint, in %\n{rules}\n{grid}"


def _check(cfg: CfgNode) -> None:
    if len(cfg.DATASETS.TEST) != 1:
        raise ValueError(f"DATASETS.TEST is {cfg.DATASETS.TEST}; answers are about one data set")
    if not cfg.MODEL.WEIGHTS:
        raise ValueError("name the trained model: MODEL.WEIGHTS FILE")


def _recall(cfg: CfgNode, nms: str | None) -> SceneGraphRecall:
    rules = cfg.MODEL.EVALUATOR
    return SceneGraphRecall(
        cfg.MODEL.TASK,
        protocol=rules.PROTOCOL,
        constraints=("with", "no"),
        nms=nms,
        iou=rules.IOU or None,
    )


def _answered(
    frames: Sequence[Mapping],
    answers: Mapping[str, FrameAnswers],
    task: str,
    vocabulary: Vocabulary,
) -> list[FramePrediction]:
    """What the VLM names in each frame of a video."""
    about = [answers.get(frame["image_id"], FrameAnswers()) for frame in frames]
    return [
        answered_graph(answer, frame["ground_truth"], task, vocabulary)
        for answer, frame in zip(about, frames, strict=True)
    ]


def _predicted(
    model, clip: Mapping, graphs: Sequence[FramePrediction], step: str, texts: np.ndarray | None
) -> Iterator[tuple[FrameGroundTruth, FramePrediction, np.ndarray, FramePrediction]]:
    """Each frame's annotation, the VLM's graph, what counts as named in a step, and what the model makes of it."""
    frames = clip["frames"]
    named = [_at(step, g, f["image_id"]) for f, g in zip(frames, graphs, strict=True)]
    shown = [_with(f, step, n, texts) for f, n in zip(frames, named, strict=True)]
    (predictions,) = model([{**clip, "frames": shown}])
    truths = [frame["ground_truth"] for frame in frames]
    return zip(truths, graphs, named, predictions, strict=True)


def _at(step: str, graph: FramePrediction, image_id: str) -> np.ndarray:
    """(K, 26) bool: what counts as named in a step."""
    named = np.concatenate([getattr(graph, group) for group in PREDICATE_GROUPS], axis=1) > 0
    if step == NO_PREDICATES:
        return np.zeros_like(named)
    return degraded(named, NOISE[step], image_id) if step in NOISE else named


def _with(frame: Mapping, step: str, named: np.ndarray, texts: np.ndarray | None) -> Mapping:
    """The frame as the model gets it in a step."""
    if step == AS_STORED:
        return frame
    if step == NO_PRIORS:
        return {key: value for key, value in frame.items() if key != "priors"}
    return {**frame, "priors": with_predicates(frame["priors"], named, texts)}


def _naming(graph: FramePrediction, named: np.ndarray) -> FramePrediction:
    groups = np.split(named.astype(np.float64), np.cumsum(GROUP_SIZES)[:-1], axis=1)
    return replace(graph, **dict(zip(PREDICATE_GROUPS, groups, strict=True)))
