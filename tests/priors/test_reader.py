"""What training reads equals what is computed anew, pair by pair, from image, answer and CLIP."""

import copy
import pickle
from dataclasses import fields

import numpy as np
import pytest
from detectron2.data import MetadataCatalog

from tests.priors.prior_cfg import (
    answer_to,
    prior_cfg,
    registered_records,
    unit,
    write_answers,
)
from vost_sgg.data.mapper import read_frame
from vost_sgg.data.vocabulary import OBJECT_CLASSES
from vost_sgg.priors import PriorsReader, RegionPrompt, priors_folder
from vost_sgg.priors.clip import build_clip
from vost_sgg.priors.extraction import build_extractor
from vost_sgg.vlm import CacheError
from vost_sgg.vlm.answers import Relation
from vost_sgg.vlm.extraction import videos_of

TASKS = ["predcls", "sgcls", "sgdet"]
TEXTS = [
    *("MODEL.PRIORS.CLIP.OBJECT_TEXT", "a photo of a {}"),
    *("MODEL.PRIORS.CLIP.PREDICATE_TEXT", "{} something"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("reader")


@pytest.fixture(scope="module")
def records(folder):
    return registered_records(folder / "frames")


@pytest.fixture(scope="module")
def readers(folder, records):
    """A reader a task, of features that were extracted in batches of two frames."""
    readers = {}
    for task in TASKS:
        cfg = prior_cfg(folder, task, *TEXTS)
        write_answers(cfg, records)
        extractor = build_extractor(cfg, "tiny_test")
        for frames in videos_of(records):
            extractor.run(frames, done=lambda n: None)
        readers[task] = PriorsReader.of(cfg, ["tiny_test"])
    return readers


def by_hand(task, record, clip):
    """(text, text_mask, regions, boxes, pairs) of each pair, one picture and one text at a time."""
    image = read_frame(record, "RGB")
    size = np.array([record["width"], record["height"]] * 2, float)
    given = [a["bbox"] for a in record["annotations"]]
    rows = []
    for pair, answer in answer_to(task, record["frame_index"]):
        relations = answer.relations or ((Relation(row=pair[1]),) if pair else ())
        for relation in relations:
            if task == "sgcls" and answer.person_row is None:
                continue
            person, other = answer.person_row, relation.row
            boxes = [answer.person_box, relation.box]
            if task != "sgdet":
                boxes = [given[person], given[other]]
            name = relation.object
            if task == "predcls":
                name = OBJECT_CLASSES[record["annotations"][other]["category_id"]]
            rows.append(one_pair(clip, image, size, name, relation, boxes))
            rows[-1].append([-1, -1] if task == "sgdet" else [person, other])
    return rows


def one_pair(clip, image, size, name, relation, boxes):
    words = [*relation.attention, *relation.spatial, *relation.contacting]
    texts = [f"{word.replace('_', ' ')} something" for word in words]
    predicate = [clip.texts([text])[0].numpy() for text in texts] or [np.zeros(64)]
    things = [clip.texts([f"a photo of a {n}"])[0].numpy() for n in ("person", name)]
    union = None
    if all(boxes):
        a, b = boxes
        union = (min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3]))
    regions = [
        np.zeros(64) if box is None else embedded(clip, image, box) for box in (*boxes, union)
    ]
    centred = [np.zeros(4) if box is None else cxcywh(np.array(box) / size) for box in boxes]
    return [[*things, np.mean(predicate, 0)], [True, True, bool(words)], regions, centred]


def embedded(clip, image, box):
    return clip.pictures(RegionPrompt()(image, [box]))[0].numpy()


def cxcywh(box):
    x0, y0, x1, y1 = box
    return np.array([(x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0])


@pytest.mark.parametrize("task", TASKS)
def test_every_frame_as_by_hand(readers, records, folder, task):
    clip = build_clip(prior_cfg(folder, task))
    lengths = set()
    for record in records[::-1]:  # not in the order of the files
        priors, expected = readers[task](record), by_hand(task, record, clip)
        lengths.add(len(priors))
        assert len(priors) == len(expected)
        shapes = [getattr(priors, f.name).shape[1:] for f in fields(priors)]
        assert shapes == [(3, 64), (3,), (3, 64), (2, 4), (2,)]
        for row, (text, mask, regions, boxes, pair) in enumerate(expected):
            assert np.allclose(priors.text[row], text, atol=1e-5)
            assert priors.text_mask[row].tolist() == mask
            assert np.allclose(priors.regions[row], regions, atol=2e-3)  # stored as float16
            assert np.allclose(priors.boxes[row], boxes, atol=1e-6)
            assert priors.pairs[row].tolist() == list(pair)
    assert lengths == ({2} if task == "predcls" else {0, 2})


def test_a_missing_answer_empties_the_predicates_text_only(readers, records):
    answered, empty = readers["predcls"](records[0]), readers["predcls"](records[1])
    assert empty.text_mask.tolist() == [[True, True, False]] * 2
    assert np.array_equal(answered.text[:, :2], empty.text[:, :2])
    assert np.allclose(np.linalg.norm(empty.regions, axis=-1), 1, atol=1e-2)


@pytest.mark.parametrize("task", TASKS)
def test_without_its_answer_a_frame_is_as_one_that_the_vlm_failed_on(readers, records, task):
    answered, withheld = (readers[task](records[0], answered=a) for a in (True, False))
    if task != "predcls":
        assert len(answered) == 2 and len(withheld) == 0
        return
    assert withheld.text_mask.tolist() == [[True, True, False]] * 2
    for name in ("regions", "boxes", "pairs"):
        assert np.array_equal(getattr(withheld, name), getattr(answered, name))


def test_a_box_that_was_not_given_is_zeros_and_so_are_its_regions(readers, records):
    objectless, personless = (readers["sgdet"](records[i]) for i in (3, 4))
    assert (objectless.boxes[..., 2] > 0).tolist() == [[True, True], [True, False]]
    assert objectless.regions.any(-1).tolist() == [[True] * 3, [True, False, False]]
    assert (personless.boxes[..., 2] > 0).tolist() == [[False, True]] * 2
    assert personless.regions.any(-1).tolist() == [[False, True, False]] * 2
    assert objectless.text_mask.all() and personless.text_mask.all()


def test_texts_of_the_raw_name_by_default(folder, records):
    cfg = prior_cfg(folder, "predcls", "MODEL.PRIORS.CACHE", str(folder / "raw"))
    build_extractor(cfg, "tiny_test").run(videos_of(records)[1], done=lambda n: None)
    priors = PriorsReader.of(cfg, ["tiny_test"])(videos_of(records)[1][0])
    words = ["person", "box", "unsure", "behind", "in", "holding"]
    assert OBJECT_CLASSES[5] == "box"
    texts = build_clip(cfg).texts(words).numpy()
    assert np.allclose(priors.text[0], [texts[0], texts[1], texts[2:].mean(0)], atol=1e-5)
    assert np.allclose(unit(texts), texts, atol=1e-5)


def test_a_reader_goes_to_another_process(readers, records):
    again = pickle.loads(pickle.dumps(readers["predcls"]))
    assert np.array_equal(again(records[7]).regions, readers["predcls"](records[7]).regions)


def test_no_priors_is_one_error_with_both_commands(folder, records, tmp_path):
    cfg = prior_cfg(tmp_path)
    with pytest.raises(CacheError) as error:
        PriorsReader.of(cfg, ["tiny_test"])
    for part in ("tiny_test/simulated/predcls/tiny-overlay-squash", "--split test"):
        assert part in str(error.value)
    assert "tools/extract_vlm.py" in str(error.value)
    assert "tools/extract_clip.py" in str(error.value)


def test_features_of_another_setting_are_refused(folder, readers):
    other = ["MODEL.PRIORS.CLIP.OBJECT_TEXT", "", "MODEL.PRIORS.REGION.ALPHA", "9"]
    with pytest.raises(CacheError, match=r"region.alpha was 128, is 9.*MODEL.PRIORS.CACHE"):
        PriorsReader.of(prior_cfg(folder, "predcls", *TEXTS, *other), ["tiny_test"])


def test_features_of_other_weights_or_another_data_set_are_refused(folder, readers):
    weights = ["MODEL.PRIORS.CLIP.WEIGHTS", "/some/where/tuned.pt"]
    with pytest.raises(CacheError, match=r"weights_name was 'random', is 'tuned.pt'"):
        PriorsReader.of(prior_cfg(folder, "predcls", *TEXTS, *weights), ["tiny_test"])
    metadata = MetadataCatalog.get("tiny_test")
    metadata.version = 2
    with pytest.raises(CacheError, match="dataset_version was None, is 2"):
        PriorsReader.of(prior_cfg(folder, "predcls", *TEXTS), ["tiny_test"])
    del metadata.version


@pytest.mark.parametrize("task", TASKS)
def test_a_frame_whose_given_boxes_changed_is_refused(readers, records, task):
    record = copy.deepcopy(records[0])
    record["annotations"][2]["bbox"][3] += 1
    if task == "sgdet":  # which is given none
        assert len(readers[task](record)) == len(readers[task](records[0]))
        return
    with pytest.raises(CacheError, match=r"frame A.mp4/000001.png had other boxes.*move the fold"):
        readers[task](record)
    bare = {key: record[key] for key in ("image_id", "video_id", "frame_number")}
    assert len(readers[task](bare)) == 2


def test_predcls_notices_another_class_and_sgcls_is_not_told_it(readers, records):
    record = copy.deepcopy(records[0])
    record["annotations"][2]["category_id"] = 9
    readers["sgcls"](record)
    with pytest.raises(CacheError, match="had other boxes or classes"):
        readers["predcls"](record)


def test_videos_and_frames_without_features(readers, records, folder):
    reader = readers["predcls"]
    reader.check(record["video_id"] for record in records)
    with pytest.raises(CacheError, match=r"1 videos have no priors, such as X.mp4.*extract_clip"):
        reader.check(["A.mp4", "X.mp4"])
    with pytest.raises(CacheError, match="nothing is stored of frame A.mp4/000999.png"):
        reader({**records[0], "frame_number": 999, "image_id": "A.mp4/000999.png"})


def test_a_damaged_file_says_what_to_do(folder, records, tmp_path):
    cfg = prior_cfg(folder, "predcls", "MODEL.PRIORS.CACHE", str(tmp_path))
    extractor = build_extractor(cfg, "tiny_test")
    extractor.run(videos_of(records)[1], done=lambda n: None)
    file = tmp_path / priors_folder(cfg, "tiny_test") / "B.mp4.safetensors"
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(CacheError, match=r"B.mp4.safetensors cannot be read .*delete it"):
        PriorsReader.of(cfg, ["tiny_test"])(videos_of(records)[1][0])
