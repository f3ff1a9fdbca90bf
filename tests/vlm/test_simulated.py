"""The simulated annotator errs as its table says, and nowhere but on the sample data set."""

import inspect
from collections import Counter

import numpy as np
import pytest
from detectron2.data import DatasetCatalog, MetadataCatalog

from tests.tiny import register
from tests.vlm.frames import METADATA, VOCABULARY, record
from vost_sgg.config import get_vost_cfg
from vost_sgg.data.vocabulary import OBJECT_CLASSES, PREDICATE_CLASSES
from vost_sgg.structures import PREDICATE_GROUPS
from vost_sgg.vlm import VLM, backend_tag, confusion, malformed, simulated, writing
from vost_sgg.vlm.parser import AnswerParser
from vost_sgg.vlm.prompts import build_prompts
from vost_sgg.vlm.simulated import SimulatedVLM

NAME = "ag_sample_of_this_test"
VIDEOS, FRAMES = 300, 12


@pytest.fixture(scope="module")
def records():
    """Every frame is annotated alike: only names differ, which is all that errors depend on."""
    rare = record()
    rare["contacting"][:] = False
    rare["contacting"][:, 13] = True  # twisting, in every other video
    made = [
        {
            **(rare if video % 2 else record()),
            "video_id": f"{video:05d}.mp4",
            "image_id": f"{video:05d}.mp4/{frame:06d}.png",
        }
        for video in range(VIDEOS)
        for frame in range(FRAMES)
    ]
    register(NAME, made)
    yield made
    DatasetCatalog.remove(NAME)
    MetadataCatalog.remove(NAME)


@pytest.fixture(scope="module")
def vlm(records):
    return SimulatedVLM(dataset_name=NAME)


def ask(vlm, records, task):
    """Each frame's prompts and their parsed answers."""
    parser = AnswerParser(VOCABULARY)
    size = vlm.processed_size(480, 270)
    asked = [
        (r, prompt)
        for r in records
        for prompt in build_prompts(task, r, METADATA, box_frame=vlm.box_frame, processed_size=size)
    ]
    texts = vlm.respond([(None, prompt) for _, prompt in asked])
    return [(r, parser.parse(text, p)) for (r, p), text in zip(asked, texts, strict=True)], texts


@pytest.fixture(scope="module")
def predcls(vlm, records):
    answers, _ = ask(vlm, records, "predcls")
    return [(r, a) for r, a in answers if a.status == "parsed"]


def share(pairs, group, row, true):
    """How often the object in ``row`` is given the only label that it has."""
    named = [getattr(a.relations[0], group) for _, a in pairs if a.relations[0].row == row]
    return np.mean([names == (true,) for names in named])


def test_labels_are_kept_as_often_as_the_table_says(predcls):
    assert share(predcls, "attention", 1, "not_looking_at") == pytest.approx(0.70, abs=0.04)
    assert share(predcls, "spatial", 1, "beneath") == pytest.approx(0.80, abs=0.04)
    rare = [(r, a) for r, a in predcls if int(r["video_id"][:5]) % 2]
    assert share(rare, "contacting", 2, "twisting") == pytest.approx(0.52, abs=0.06)
    head = [(r, a) for r, a in predcls if not int(r["video_id"][:5]) % 2]
    assert share(head, "contacting", 2, "touching") == pytest.approx(0.80, abs=0.06)


def test_half_of_the_errors_persist_through_a_video(predcls):
    wrong = {}
    for r, answer in predcls:
        if answer.relations[0].row == 1:
            wrong.setdefault(r["video_id"], []).append(
                answer.relations[0].attention != ("not_looking_at",)
            )
    # The chance that two frames of a video are both wrong: e^2 if each erred by itself; where both take the video's
    # draw, a quarter of the time, it is e.
    e = np.mean([w for video in wrong.values() for w in video])
    both = np.mean([np.mean(w) * (sum(w) - 1) / (len(w) - 1) for w in wrong.values()])
    assert both == pytest.approx(0.75 * e**2 + 0.25 * e, abs=0.03)
    assert both > e**2 + 0.02


def test_errors_are_those_of_the_table(predcls):
    for group, row, true in (("attention", 1, "not_looking_at"), ("spatial", 1, "beneath")):
        counts = Counter(
            getattr(a.relations[0], group)[0] for _, a in predcls if a.relations[0].row == row
        )
        named = confusion.PREDICATE_CONFUSIONS[true].split()
        assert set(counts) == {true, *named}
        assert counts[named[0]] == pytest.approx(counts[named[1]], rel=0.35)


def test_two_in_a_hundred_answers_are_malformed_and_mostly_read(vlm, records):
    answers, texts = ask(vlm, records, "predcls")
    spoilt = [a for _, a in answers if a.status != "parsed"]
    assert len(spoilt) / len(answers) == pytest.approx(0.02, abs=0.006)
    assert {"code_fence", "not_json", "free_text", "truncated", "no_answer"} <= {
        issue for answer in spoilt for issue in answer.issues
    }
    assert np.mean([a.status == "repaired" for a in spoilt]) > 0.5
    assert vlm.respond([]) == []
    assert ask(SimulatedVLM(dataset_name=NAME), records, "predcls")[1] == texts


def overlap(a, b):
    width = max(0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0, min(a[3], b[3]) - max(a[1], b[1]))
    areas = [(x[2] - x[0]) * (x[3] - x[1]) for x in (a, b)]
    return width * height / (sum(areas) - width * height)


def test_sgdet_misses_invents_renames_and_moves(vlm, records):
    answers, _ = ask(vlm, records, "sgdet")
    answers = [(r, a) for r, a in answers if a.status == "parsed"]
    names = Counter(r.object for _, a in answers for r in a.relations)
    beds = names["bed"] / len(answers)
    assert beds == pytest.approx(0.75 * 0.85, abs=0.04)  # found, and not called a sofa
    overlaps = [
        overlap(r.box, rec["annotations"][1]["bbox"])
        for rec, a in answers
        for r in a.relations
        if r.object == "bed" and overlap(r.box, rec["annotations"][1]["bbox"]) > 0.1
    ]
    assert np.mean(overlaps) == pytest.approx(0.7, abs=0.05)
    known = {"bed", "chair", "sofa/couch"}
    false = sum(count for name, count in names.items() if name not in known) / len(answers)
    assert false == pytest.approx(0.2 * 32 / 35, abs=0.03)
    assert all(a.person_box for _, a in answers)


def test_sgcls_takes_a_class_for_a_like_one(vlm, records):
    answers, _ = ask(vlm, records, "sgcls")
    names = Counter(r.object for _, a in answers for r in a.relations if r.row == 1)
    assert set(names) == {"bed", "sofa/couch"}
    assert names["bed"] / names.total() == pytest.approx(0.85, abs=0.04)
    assert {a.person_row for _, a in answers if a.status == "parsed"} == {0}


def test_the_tables_are_of_the_vocabulary():
    for true, others in confusion.PREDICATE_CONFUSIONS.items():
        groups = [
            g for g in PREDICATE_GROUPS if {true, *others.split()} <= set(VOCABULARY.group(g))
        ]
        assert len(groups) == 1 and true not in others.split()
    assert set(confusion.PREDICATE_CONFUSIONS) == set(PREDICATE_CLASSES) > confusion.TAIL
    classes = [name for group in confusion.CLASS_CONFUSIONS for name in group.split()]
    assert set(classes) <= set(OBJECT_CLASSES[1:])


def test_any_other_data_set_is_refused():
    cfg = get_vost_cfg("configs/sample/vlm_predcls.yaml")
    with pytest.raises(ValueError, match="ag_sample_\\* alone, not about action_genome_test"):
        VLM.build(cfg, dataset_name="action_genome_test")


@pytest.mark.parametrize("tag, folder", [("", "simulated"), ("qwen", "simulated-qwen")])
def test_its_tag_always_says_what_it_is(tag, folder):
    assert backend_tag(get_vost_cfg(None, ["MODEL.VLM.TAG", tag])) == folder


def test_another_annotation_is_another_fingerprint(vlm, records):
    other = [dict(r) for r in records[:3]]
    register("ag_sample_other", other)
    first = SimulatedVLM(dataset_name="ag_sample_other").fingerprint()
    other[1]["attention"] = ~other[1]["attention"]
    assert SimulatedVLM(dataset_name="ag_sample_other").fingerprint() != first
    assert vlm.fingerprint() == SimulatedVLM(dataset_name=NAME).fingerprint()


@pytest.mark.parametrize("module", [simulated, confusion, malformed, writing])
def test_other_code_is_another_fingerprint(vlm, monkeypatch, module):
    before, source = vlm.fingerprint(), inspect.getsource
    monkeypatch.setattr(inspect, "getsource", lambda m: source(m) + " " * (m is module))
    assert vlm.fingerprint() != before
