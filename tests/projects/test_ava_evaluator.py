"""AVAEvaluator against a brute-force restatement of the protocol in projects/ava/README.md."""

import itertools
import json

import numpy as np
import pytest
from detectron2.data import DatasetCatalog, MetadataCatalog
from detectron2.structures import BoxMode

from projects.ava import score
from projects.ava.actions import ACTIONS
from projects.ava.evaluator import AVAEvaluator
from projects.ava.recovery import ActionRecovery, average_precision
from tests.tiny import register
from vost_sgg.config import get_vost_cfg, stage_configs
from vost_sgg.data.frames import frame_ground_truth
from vost_sgg.data.vocabulary import CONTACTING_CLASSES
from vost_sgg.engine.run_identity import model_identity
from vost_sgg.engine.stages import final_stage
from vost_sgg.evaluation import EVALUATOR
from vost_sgg.structures import FramePrediction

NAME = "ava_of_this_test"


def record(number: int, boxes, actions) -> dict:
    return {
        "file_name": f"{number}.png", "image_id": f"clip/{number:06d}.png", "video_id": "clip", "video_index": 0,
        "frame_index": number, "frame_number": number, "width": 100, "height": 100,
        "annotations": [
            {"bbox": [float(v) for v in box], "bbox_mode": BoxMode.XYXY_ABS, "category_id": 0} for box in boxes
        ],
        "pairs": np.zeros((0, 2), np.int64), "attention": np.zeros((0, 3), bool),
        "spatial": np.zeros((0, 6), bool), "contacting": np.zeros((0, 17), bool),
        "person_actions": np.array(actions, bool).reshape(-1, 7),
    }  # fmt: skip


def predict(slots) -> FramePrediction:
    """From (subject's box, its class, its score, object's score, {predicate: probability}) of each slot."""
    boxes, classes, scores, contacting = [], [], [], np.zeros((len(slots), 17))
    for row, (box, category, subject, other, predicates) in zip(contacting, slots, strict=True):
        boxes += [box, (0, 0, 5, 5)]
        classes += [category, 7]
        scores += [subject, other]
        for name, probability in predicates.items():
            row[CONTACTING_CLASSES.index(name)] = probability
    count = len(slots)
    return FramePrediction(
        np.array(boxes, np.float32).reshape(-1, 4), np.array(classes, np.int64), np.array(scores),
        np.arange(2 * count).reshape(-1, 2), np.full((count, 3), 0.3), np.zeros((count, 6)), contacting,
    )  # fmt: skip


def score_all(records, predictions, **arguments) -> dict[str, float]:
    register(NAME, records)
    try:
        evaluator = AVAEvaluator(dataset_name=NAME, **arguments)
        frames = [{**r, "ground_truth": frame_ground_truth(r)} for r in records]
        kept = {i: [] for i, prediction in enumerate(predictions) if prediction is not None}
        clip = {"frames": frames, "references": kept}
        evaluator.process([clip], [[p for p in predictions if p is not None]])
        return evaluator.evaluate()["ava"]
    finally:
        DatasetCatalog.remove(NAME)
        MetadataCatalog.remove(NAME)


# ---- the restatement: one person, one slot, one class at a time ----


def overlap(a, b) -> float:
    width = max(0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0, min(a[3], b[3]) - max(a[1], b[1]))
    areas = [(c[2] - c[0]) * (c[3] - c[1]) for c in (a, b)]
    return width * height / (sum(areas) - width * height)


def brute_force(records, predictions) -> dict[str, float]:
    persons = []  # (annotated set, {action: score}, found)
    for frame, prediction in zip(records, predictions, strict=True):
        boxes = [a["bbox"] for a in frame["annotations"]]
        scores = [dict.fromkeys(range(7), 0.0) for _ in boxes]
        found = [False] * len(boxes)
        for k, (subject, other) in enumerate(prediction.pairs if prediction else []):
            if prediction.classes[subject] != 0:
                continue
            overlaps = [overlap(prediction.boxes[subject].tolist(), box) for box in boxes]
            person = overlaps.index(max(overlaps))
            if overlaps[person] < 0.5:
                continue
            found[person] = True
            confidence = (
                np.float32(prediction.scores[subject]).item()
                * np.float32(prediction.scores[other]).item()
            )
            for column, action in enumerate(ACTIONS):
                for name in action.predicates:
                    p = np.float32(prediction.contacting[k, CONTACTING_CLASSES.index(name)]).item()
                    scores[person][column] = max(scores[person][column], confidence * p)
        for labels, values, was_found in zip(frame["person_actions"], scores, found, strict=True):
            if labels.any():
                persons.append(({c for c in range(7) if labels[c]}, values, was_found))
    return restated_metrics(persons)


def restated_metrics(persons) -> dict[str, float]:
    def mean(values):
        values = list(values)
        return 100 * sum(values) / len(values)

    def best(scores, k):
        return {c for c in sorted(scores, key=lambda c: (-scores[c], c))[:k] if scores[c] > 0}

    def named(scores, t):
        return {c for c in scores if scores[c] >= t}

    metrics = {
        "found": mean(f for _, _, f in persons),
        "set@n": mean(best(s, len(a)) == a for a, s, _ in persons),
    }
    annotated = sorted(set().union(*(a for a, _, _ in persons)))
    for t in (0.1, 0.3, 0.5):
        metrics[f"set@t{t}"] = mean(a <= named(s, t) for a, s, _ in persons)
        metrics[f"exact@t{t}"] = mean(a == named(s, t) for a, s, _ in persons)
    for k in (1, 2, 3):
        metrics[f"set@top{k}"] = mean(a <= best(s, k) for a, s, _ in persons)
        metrics[f"R@{k}"] = mean(len(a & best(s, k)) / len(a) for a, s, _ in persons)
        metrics[f"mR@{k}"] = np.mean(
            [mean(c in best(s, k) for a, s, _ in persons if c in a) for c in annotated]
        )
    metrics["mAP"] = np.mean([100 * restated_ap(persons, c) for c in annotated])
    return metrics


def restated_ap(persons, c) -> float:
    """Steps down the distinct scores: recall gained times precision so far."""
    total, area, before = sum(c in a for a, _, _ in persons), 0.0, 0
    for threshold in sorted({s[c] for _, s, _ in persons if s[c] > 0}, reverse=True):
        retrieved = [c in a for a, s, _ in persons if s[c] >= threshold]
        area += (sum(retrieved) - before) / total * sum(retrieved) / len(retrieved)
        before = sum(retrieved)
    return area


@pytest.mark.parametrize("seed", range(20))
def test_every_metric_equals_the_restatement(seed):
    """Coarse scores, so that many are equal; crowds, empty predictions and subjects that are no person."""
    rng = np.random.default_rng(seed)
    places = [(0, 0, 40, 80), (30, 0, 70, 80), (60, 10, 100, 90)]
    records, predictions = [], []
    for number in range(int(rng.integers(2, 9))):
        boxes = [places[i] for i in rng.permutation(3)[: rng.integers(1, 4)]]
        actions = rng.random((len(boxes), 7)) < 0.3
        actions[0, rng.integers(7)] = True
        records.append(record(number, boxes, actions))
        slots = []
        for _ in range(rng.integers(0, 6)):
            box = np.array(places[rng.integers(3)]) + rng.integers(-12, 13, 4)
            names = rng.permutation(CONTACTING_CLASSES)[:6].tolist()
            probabilities = dict(zip(names, rng.integers(0, 5, 6) / 4, strict=True))
            category = 0 if rng.random() < 0.9 else 3
            slots.append((box, category, *(rng.integers(1, 3, 2) / 2), probabilities))
        predictions.append(predict(slots))
    expected, found = brute_force(records, predictions), score_all(records, predictions)
    assert found.keys() == expected.keys()
    for metric, value in expected.items():
        assert found[metric] == pytest.approx(value), metric


def test_a_person_with_several_actions_pools_slots_and_predicates_by_maximum():
    person = (10, 10, 50, 90)
    frame = record(0, [person, (60, 0, 100, 90)], [[0, 1, 0, 1, 0, 0, 0], [0] * 7])
    seat = (person, 0, 1.0, 0.8, {"sitting_on": 1.0, "touching": 0.25})
    cup = ((12, 10, 50, 90), 0, 1.0, 0.5, {"carrying": 0.25, "holding": 1.0})
    far = ((60, 0, 100, 90), 0, 1.0, 1.0, {"eating": 1.0})  # of the other person, who is no sample
    found = score_all([frame], [predict([seat, cup, far])])
    assert found["found"] == found["set@n"] == found["set@top2"] == found["mAP"] == 100
    assert found["set@top1"] == 0 and found["R@1"] == found["mR@1"] == 50
    # sit scores 0.8, carry/hold 0.5, touch 0.2
    assert [found[f"set@t{t}"] for t in (0.1, 0.3, 0.5)] == [100, 100, 100]
    assert [found[f"exact@t{t}"] for t in (0.1, 0.3, 0.5)] == [0, 100, 100]


def test_a_subject_just_below_half_overlap_is_nobodys():
    frame = record(0, [(0, 0, 100, 50)], [[0, 0, 1, 0, 0, 0, 0]])
    stands = {"standing_on": 1.0}
    assert score_all([frame], [predict([((0, 0, 50, 50), 0, 1, 1, stands)])])["set@n"] == 100
    assert score_all([frame], [predict([((0, 0, 49, 50), 0, 1, 1, stands)])])["found"] == 0


def test_a_keyframe_without_prediction_counts_as_not_found_and_is_said(tmp_path, caplog):
    records = [record(n, [(0, 0, 50, 50)], [[0, 0, 1, 0, 0, 0, 0]]) for n in (0, 1)]
    prediction = predict([((0, 0, 50, 50), 0, 1, 1, {"standing_on": 1.0})])
    found = score_all(records, [prediction, None], method="one", output_dir=str(tmp_path))
    assert found["found"] == found["set@n"] == found["R@1"] == found["mAP"] == 50
    assert "1 keyframes have no prediction, such as clip/000001.png" in caplog.text
    document = json.loads((tmp_path / f"ava_actions_{NAME}.json").read_text())
    assert document["persons"] == 2 and document["metrics"]["set@n"] == 0.5
    assert document["keyframes_without_prediction"] == ["clip/000001.png"]
    assert document["per_action"]["stand"] == {
        "samples": 2,
        "R@1": 0.5,
        "R@2": 0.5,
        "R@3": 0.5,
        "AP": 0.5,
    }
    assert document["per_action"]["eat"]["AP"] is None
    assert document["prior"]["set@n"] == 1.0  # who always says "stand"
    register(NAME, records)
    file = tmp_path / f"scene_graph_predictions_{NAME}.safetensors"
    assert score.score(str(file)) == found  # the file is scored alike, without a model
    register(NAME, records[1:])
    with pytest.raises(
        ValueError, match="1 frames are no keyframes of ava_of_this_test, such as clip/000000.png"
    ):
        score.score(str(file))
    DatasetCatalog.remove(NAME)


def test_wrong_input_is_named(tmp_path):
    frame = record(0, [(0, 0, 50, 50)], [[0, 0, 1, 0, 0, 0, 0]])
    broken = predict([((0, 0, 50, 50), 0, 1, 1, {"standing_on": float("nan")})])
    with pytest.raises(ValueError, match="frame clip/000000.png: prediction.contacting holds NaN"):
        score_all([frame], [broken])
    del frame["person_actions"]
    with pytest.raises(KeyError, match="no person_actions; AVAEvaluator is for AVA's data sets"):
        score_all([frame], [predict([])])


@pytest.mark.parametrize("folder", ["", "sample/"])
def test_configs_evaluate_the_trained_spatial_stage_without_aggregation(folder):
    for model in ("oed", "dsqi", "vost"):
        cfg = final_stage(get_vost_cfg(f"projects/ava/configs/{folder}{model}_sgdet.yaml"))
        trained = stage_configs(get_vost_cfg(f"configs/{folder}{model}_sgdet.yaml"))["SPATIAL"]
        assert cfg.MODEL.TEMPORAL_AGGREGATOR.NAME == "NoAggregation"
        assert model_identity(cfg) == model_identity(trained)
        # Read by CLIP's weights and regions, and with answers of the kind, that it was trained with.
        assert cfg.MODEL.PRIORS == trained.MODEL.PRIORS
        assert cfg.MODEL.WEIGHTS == f"{trained.OUTPUT_DIR}/model_final.pth"
    cfg = get_vost_cfg(f"projects/ava/configs/{folder}vlm_sgdet.yaml")
    assert isinstance(EVALUATOR.build(cfg, dataset_name=NAME, baseline=None), AVAEvaluator)
    cfg.MODEL.TASK = "predcls"
    with pytest.raises(ValueError, match="MODEL.TASK is predcls: AVA gives no objects"):
        EVALUATOR.build(cfg, dataset_name=NAME, baseline=None)


def test_shards_merge_to_what_one_process_finds():
    rng = np.random.default_rng(0)
    labels, scores = rng.random((40, 7)) < 0.3, rng.integers(0, 4, (40, 7)) / 3
    found = rng.random(40) < 0.8
    whole, merged = ActionRecovery(), ActionRecovery()
    whole.update(labels, scores, found)
    for part in np.array_split(np.arange(40), 3):
        shard = ActionRecovery()
        shard.update(labels[part], scores[part], found[part])
        merged.merge_state(shard.state())
    merged.merge_state(ActionRecovery().state())
    assert merged.compute() == whole.compute()


def test_average_precision_does_not_depend_on_the_order_of_equal_scores():
    positive, scores = np.array([True, False, True]), np.array([0.5, 0.5, 0.0])
    values = {
        average_precision(positive[list(o)], scores[list(o)])
        for o in itertools.permutations(range(3))
    }
    assert values == {0.25}  # two retrieved together, one of them right; the third never
    assert average_precision(np.zeros(3, bool), scores) is None
