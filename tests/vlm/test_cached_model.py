"""The answers as a model: what is named scores 1, everything else 0, and perfect answers reach the ceiling."""

import numpy as np
import pytest
from detectron2.data import MetadataCatalog

from tests.random_frames import random_ground_truth
from tests.tiny import register, tiny_records
from tests.vlm.echo_backend import CONFIG, options
from tests.vlm.frames import VOCABULARY
from tools import extract_vlm
from vost_sgg.config import get_vost_cfg
from vost_sgg.evaluation import SceneGraphRecall
from vost_sgg.structures import FramePrediction
from vost_sgg.vlm import CacheError, cached_model
from vost_sgg.vlm.answers import Relation
from vost_sgg.vlm.cache import FrameAnswers
from vost_sgg.vlm.cached_model import CachedVLM, answered_graph

GROUPS = ("attention", "spatial", "contacting")
TASKS = ("predcls", "sgcls", "sgdet")


def perfect(truth, task):
    """The answers that name exactly what is annotated."""
    relations = []
    for k, (_, row) in enumerate(truth.pairs.tolist()):
        names = {
            g: tuple(np.array(VOCABULARY.group(g))[getattr(truth, g)[k]].tolist()) for g in GROUPS
        }
        relations.append(
            Relation(
                object=None if task == "predcls" else VOCABULARY.objects[truth.classes[row]],
                row=None if task == "sgdet" else row,
                box=tuple(truth.boxes[row].tolist()) if task == "sgdet" else None,
                **names,
            )
        )
    person = (
        {"person_box": tuple(truth.boxes[0].tolist())} if task == "sgdet" else {"person_row": 0}
    )
    return FrameAnswers(tuple(relations), asked=1, **person)


def ceiling(truth):
    """The prediction that gives every annotated label 1."""
    labels = {group: getattr(truth, group).astype(float) for group in GROUPS}
    ones = np.ones(len(truth.boxes))
    return FramePrediction(truth.boxes, truth.classes, ones, truth.pairs, **labels)


@pytest.mark.parametrize("task", TASKS)
def test_perfect_answers_reach_the_ceiling(task):
    rng = np.random.default_rng(0)
    ours, best = SceneGraphRecall(task), SceneGraphRecall(task)
    for _ in range(40):
        truth = random_ground_truth(rng, 3)
        ours.update(truth, answered_graph(perfect(truth, task), truth, task, VOCABULARY))
        best.update(truth, ceiling(truth))
    assert ours.compute() == best.compute()
    assert ours.compute()["no"]["R@100"] == 1
    assert 0.5 < ours.compute()["with"]["R@10"] < 1  # several labels a pair: one a group is kept


@pytest.mark.parametrize("task", TASKS)
def test_a_frame_without_an_answer_names_nothing(task):
    truth = random_ground_truth(np.random.default_rng(0), 3)
    graph = answered_graph(FrameAnswers(), truth, task, VOCABULARY)
    assert not any(getattr(graph, group).any() for group in GROUPS)
    assert len(graph.pairs) == (3 if task == "predcls" else 0)
    recall = SceneGraphRecall(task)
    recall.update(truth, graph)
    assert recall.frames == 1


def test_frames_that_were_never_asked_about_are_said(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(cached_model.logger, "warning", said.append)
    (tmp_path / "A.jsonl").write_text("")
    truth = random_ground_truth(np.random.default_rng(0), 3)
    frames = [{"video_id": "A", "image_id": f"A/{i}.png", "ground_truth": truth} for i in range(2)]
    model = CachedVLM(folder=str(tmp_path), task="predcls", dataset_name="ag_sample_mini_test")
    (outputs,) = model([{"frames": frames, "references": {1: [], 0: []}}])
    assert len(outputs) == 2 and not outputs[0].spatial.any()
    assert "2 frames of A were never asked about, such as A/1.png" in said[0]


def test_predcls_puts_each_answer_to_its_pair():
    truth = random_ground_truth(np.random.default_rng(0), 3)
    answers = FrameAnswers((Relation(row=3, spatial=("behind", "above")), Relation(row=1)))
    graph = answered_graph(answers, truth, "predcls", VOCABULARY)
    assert graph.spatial.tolist() == [[0] * 6, [0] * 6, [1, 0, 0, 1, 0, 0]]
    assert (graph.pairs == truth.pairs).all() and (graph.scores == 1).all()


def test_sgcls_scores_the_boxes_that_are_named():
    truth = random_ground_truth(np.random.default_rng(0), 3)
    answers = FrameAnswers((Relation("bed", row=0), Relation("chair", row=3)), person_row=1)
    graph = answered_graph(answers, truth, "sgcls", VOCABULARY)
    assert graph.classes.tolist() == [2, 0, 0, 7] and graph.scores.tolist() == [1, 1, 0, 1]
    assert graph.pairs.tolist() == [[1, 0], [1, 3]]


def test_sgdet_pairs_objects_with_a_box_and_needs_the_person():
    box = (1.0, 2.0, 30.0, 40.0)
    relations = (Relation("bed"), Relation("chair", box=box, attention=("unsure",)))
    graph = answered_graph(FrameAnswers(relations, person_box=box), None, "sgdet", VOCABULARY)
    assert graph.classes.tolist() == [0, 7] and graph.pairs.tolist() == [[0, 1]]
    assert graph.attention.tolist() == [[0, 0, 1]]
    assert len(answered_graph(FrameAnswers(relations), None, "sgdet", VOCABULARY).pairs) == 0


def test_equal_scores_go_by_slot_then_predicate():
    truth = random_ground_truth(np.random.default_rng(0), 6)
    truth.attention[:] = truth.spatial[:] = truth.contacting[:] = False
    truth.contacting[5, [3, 5]] = True
    named = FrameAnswers(
        tuple(Relation(row=r, contacting=("holding", "eating")) for r in range(1, 7))
    )
    recall = SceneGraphRecall("predcls", constraints=("with", "no"))
    recall.update(truth, answered_graph(named, truth, "predcls", VOCABULARY))
    values = recall.compute()
    # With constraint the lower id, eating, is kept; without, the last slot's two are the 11th and 12th of twelve.
    assert values["with"]["R@10"] == 0.5 and values["no"]["R@10"] == 0
    assert values["no"]["R@20"] == 1


@pytest.fixture
def answered(tmp_path):
    """The model of stored answers about "tiny_test", and its records, which may be changed."""
    records = tiny_records(tmp_path / "frames", {"A.mp4": 2, "B.mp4": 1})
    register("tiny_test", records)
    extract_vlm.main(["--config-file", CONFIG, "--split", "test", *options(tmp_path)])
    return CachedVLM(get_vost_cfg(CONFIG, options(tmp_path))), records


def test_answers_about_other_boxes_or_classes_are_refused(answered):
    model, records = answered
    model.load()
    records[2]["annotations"][1]["bbox"][2] += 1
    records[0]["annotations"][2]["category_id"] = 9
    with pytest.raises(CacheError, match=r"2 answers are to other prompts .* A.mp4/000001.png"):
        model.load()


def test_answers_about_frames_that_are_gone_are_refused(answered):
    model, records = answered
    del records[1]
    with pytest.raises(CacheError, match=r"2 answers .* such as A.mp4/000008.png, pair \(0, 1\)"):
        model.load()


def test_answers_about_another_version_of_the_data_set_are_refused(answered):
    model, _ = answered
    MetadataCatalog.get("tiny_test").version = 2
    with pytest.raises(CacheError, match=r"dataset_version was None, is 2.*MODEL.VLM.TAG"):
        model.load()
