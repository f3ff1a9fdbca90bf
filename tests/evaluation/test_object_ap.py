"""COCO's AP against cases computed by hand, sharding, and both evaluators that report it."""

import json
import logging

import numpy as np
import pytest
from detectron2.data import MetadataCatalog
from detectron2.evaluation import print_csv_format

from vost_sgg.config import get_vost_cfg
from vost_sgg.evaluation import EVALUATOR, DetectionEvaluator, ObjectAP, SceneGraphEvaluator
from vost_sgg.evaluation.object_ap import mean_over_objects
from vost_sgg.structures import FrameGroundTruth, FramePrediction

DATASET = "made_up_boxes"
NAMES = ["person", *(f"thing {i}" for i in range(1, 36))]
FAR = (500, 500, 520, 520)


@pytest.fixture(autouse=True)
def metadata():
    MetadataCatalog.get(DATASET).set(
        thing_classes=NAMES, predicate_classes=[f"p{i}" for i in range(26)], frame_rule="oed"
    )
    yield
    MetadataCatalog.remove(DATASET)


def truth(*entities):
    """A frame of (class, box)."""
    classes, boxes = zip(*entities, strict=True) if entities else ((), ())
    return FrameGroundTruth(
        np.array(boxes, float).reshape(-1, 4),
        np.array(classes, int),
        np.zeros((0, 2), int),
        *(np.zeros((0, n), bool) for n in (3, 6, 17)),
        size=(600, 600),
    )


def detected(*entities, pairs=()):
    """A prediction of (class, score, box)."""
    classes, scores, boxes = zip(*entities, strict=True) if entities else ((), (), ())
    return FramePrediction(
        np.array(boxes, float).reshape(-1, 4),
        np.array(classes, int),
        np.array(scores, float),
        np.array(pairs, int).reshape(-1, 2),
        *(np.full((len(pairs), n), 0.5) for n in (3, 6, 17)),
    )


A, B = (0, 0, 100, 100), (200, 0, 300, 100)
# IoU of 72 / 100 with A: a hit at 0.50, 0.55, ..., 0.70.
NEARLY_A = (0, 0, 72, 100)
# Class 4: three boxes. Sure hit, then a miss, then a hit of IoU 0.72. Recall 1/3, 1/3, 2/3; precision 1, 1/2, 2/3.
FRAMES = [
    (truth((0, A), (4, A), (4, B), (7, FAR)), detected((4, 0.9, B), (4, 0.8, FAR), (0, 0.3, A))),
    (truth((0, B), (4, A)), detected((4, 0.7, NEARLY_A), (9, 0.99, A), (0, 0.2, A))),
    (truth(), detected()),
]
# Of the 101 recalls 0.00, 0.01, ..., 34 are at most 1/3 and 33 more at most 2/3.
BOTH, FIRST = (34 + 33 * 2 / 3) / 101, 34 / 101


def scored(frames, **options):
    ap = ObjectAP(**options)
    for frame in frames:
        ap.update(*frame)
    return ap


def test_ap_equals_the_one_computed_by_hand_and_nothing_is_printed(capsys):
    by_class = scored(FRAMES).compute()
    assert capsys.readouterr().out == ""
    assert list(by_class) == [0, 4, 7]  # of class 9 there is no box
    assert by_class[4] == pytest.approx({"AP": (5 * BOTH + 5 * FIRST) / 10, "AP50": BOTH})
    assert by_class[7] == {"AP": 0, "AP50": 0}
    # Of two persons the surer detection is right: 51 recalls up to 1/2.
    assert by_class[0] == pytest.approx({"AP": 51 / 101, "AP50": 51 / 101})
    assert mean_over_objects(by_class)["AP50"] == pytest.approx(BOTH / 2)


def test_a_second_detection_of_a_box_is_false():
    frame = (truth((4, A)), detected((4, 0.9, NEARLY_A), (4, 0.5, A)))
    value = scored([frame]).compute()[4]
    # Up to 0.70 the first takes the box; above, the second finds it behind one false detection.
    assert value == pytest.approx({"AP": (5 * 1 + 5 * 0.5) / 10, "AP50": 1})


def test_of_more_than_a_hundred_detections_of_a_class_the_surest_count():
    many = [(4, 0.5, FAR)] * 100
    assert scored([(truth((4, A)), detected(*many, (4, 0.4, A)))]).compute()[4]["AP50"] == 0
    found = scored([(truth((4, A)), detected(*many[:99], (4, 0.4, A)))]).compute()[4]["AP50"]
    assert found == pytest.approx(1 / 100)


def test_only_the_rows_that_are_named_count_and_the_person_may_be_left_out():
    annotated, prediction = FRAMES[0]
    ap = ObjectAP(person=False)
    ap.update(annotated, prediction, rows=[1, 2])
    assert ap.compute() == {4: {"AP": 0, "AP50": 0}, 7: {"AP": 0, "AP50": 0}}


def test_shards_of_consecutive_frames_equal_one_run_to_the_bit():
    rng = np.random.default_rng(0)
    frames = []
    for _ in range(12):
        corners = rng.integers(0, 30, (8, 2))
        boxes = np.concatenate((corners, corners + 60), axis=1)
        classes = rng.integers(0, 4, 8)
        scores = rng.integers(0, 3, 8) / 2  # many are equal
        frames.append(
            (
                truth(*zip(classes[:4], boxes[:4], strict=True)),
                detected(*zip(classes, scores, boxes, strict=True)),
            )
        )
    merged = ObjectAP()
    for part in (frames[:5], [], frames[5:]):
        merged.merge_state(scored(part).state())
    assert merged.frames == 12
    assert merged.compute() == scored(frames).compute()


def test_scores_that_are_logits_are_refused():
    with pytest.raises(ValueError, match="prediction.scores holds NaN, infinite or negative"):
        scored([(truth((4, A)), detected((4, -0.1, A)))])


def clip(frames):
    inputs = {
        "frames": [
            {"image_id": f"V.mp4/{i:06d}.png", "ground_truth": t} for i, (t, _) in enumerate(frames)
        ],
        "references": {i: [] for i in range(len(frames))},
    }
    return [inputs], [[p for _, p in frames]]


def test_the_detection_evaluator_reports_objects_and_person(tmp_path, caplog):
    cfg = get_vost_cfg(opts=["MODEL.EVALUATOR.NAME", "DetectionEvaluator"])
    cfg.OUTPUT_DIR = str(tmp_path / "new")
    evaluator = EVALUATOR.build(cfg, dataset_name=DATASET, baseline=None, method="DETR")
    evaluator.process(*clip(FRAMES))
    with caplog.at_level(logging.INFO):
        results = evaluator.evaluate()
    assert results["detection"] == pytest.approx(
        {
            "object/AP": 100 * (BOTH + FIRST) / 4,
            "object/AP50": 100 * BOTH / 2,
            "person/AP": 100 * 51 / 101,
            "person/AP50": 100 * 51 / 101,
        }
    )
    print_csv_format(results)
    assert f"Object detection, DETR on {DATASET}, 3 frames" in caplog.text
    assert (
        "Object AP 22.3, AP50 27.7 (mean over 2 classes); person AP 50.5, AP50 50.5" in caplog.text
    )
    document = json.loads((tmp_path / "new" / f"object_detection_{DATASET}.json").read_text())
    assert document["object_ap"]["AP50"] == pytest.approx(BOTH / 2)
    assert document["object_ap"]["per_class"]["thing 7"] == {"AP": 0, "AP50": 0}
    assert document["object_ap"]["person"]["AP"] == pytest.approx(51 / 101)
    evaluator.reset()
    with caplog.at_level(logging.WARNING):
        assert evaluator.evaluate() == {}
    assert f"{DATASET}: no box is annotated in 0 frames" in caplog.text


def test_a_bad_detection_names_its_frame():
    frames = [*FRAMES[:2], (truth((4, A)), detected((4, float("nan"), A)))]
    with pytest.raises(ValueError, match=r"frame V.mp4/000002.png: prediction.scores"):
        DetectionEvaluator(dataset_name=DATASET).process(*clip(frames))


def scene_graph_frame():
    """Two slots: the object of the first is right, that of the second is not; both see the person."""
    annotated = truth((0, A), (4, B))
    annotated.pairs = np.array([[0, 1]])
    annotated.attention, annotated.spatial, annotated.contacting = (
        np.eye(n, dtype=bool)[:1] for n in (3, 6, 17)
    )
    entities = [(0, 1.0, A), (0, 1.0, A), (4, 0.9, B), (4, 0.95, FAR)]
    return annotated, detected(*entities, pairs=[(0, 2), (1, 3)])


def test_sgdet_reports_the_ap_of_its_objects(tmp_path, caplog):
    evaluator = SceneGraphEvaluator(dataset_name=DATASET, task="sgdet", output_dir=str(tmp_path))
    evaluator.process(*clip([scene_graph_frame()]))
    with caplog.at_level(logging.INFO):
        results = evaluator.evaluate()
    assert results["sgdet"]["object/AP50"] == results["sgdet"]["object/AP"] == pytest.approx(50)
    assert "Object AP 50.0, AP50 50.0 (mean over 1 classes). COCO's, in %" in caplog.text
    document = json.loads((tmp_path / f"scene_graph_recall_{DATASET}.json").read_text())
    assert document["object_ap"] == {
        "AP": 0.5,
        "AP50": 0.5,
        "per_class": {"thing 4": {"AP": 0.5, "AP50": 0.5}},
    }


def test_tasks_whose_boxes_are_given_have_no_ap(tmp_path):
    evaluator = SceneGraphEvaluator(dataset_name=DATASET, task="predcls", output_dir=str(tmp_path))
    evaluator.process(*clip([scene_graph_frame()]))
    assert not any(name.startswith("object") for name in evaluator.evaluate()["predcls"])
    assert "object_ap" not in (tmp_path / f"scene_graph_recall_{DATASET}.json").read_text()
