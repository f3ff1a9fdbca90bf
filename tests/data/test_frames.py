import numpy as np
from detectron2.structures import BoxMode

from tests.data.ag_fixture import records, write_action_genome
from vost_sgg.data.action_genome import load_action_genome
from vost_sgg.data.frames import frame_ground_truth


def test_a_record_as_ground_truth(tmp_path):
    write_action_genome(tmp_path, *records())
    record = load_action_genome(str(tmp_path), "train")[0]
    truth = frame_ground_truth(record)
    assert len(truth) == 2 and truth.size == (480, 270)
    assert truth.boxes.dtype == np.float32
    assert truth.boxes.tolist() == [a["bbox"] for a in record["annotations"]]
    assert truth.classes.tolist() == [0, 30, 10]
    assert truth.pairs.tolist() == [[0, 1], [0, 2]]
    assert [x.shape for x in (truth.attention, truth.spatial, truth.contacting)] == [
        (2, 3),
        (2, 6),
        (2, 17),
    ]


def test_boxes_of_another_mode_are_converted(tmp_path):
    write_action_genome(tmp_path, *records())
    record = load_action_genome(str(tmp_path), "train")[0]
    expected = frame_ground_truth(record).boxes
    for annotation in record["annotations"]:
        annotation["bbox"] = BoxMode.convert(annotation["bbox"], BoxMode.XYXY_ABS, BoxMode.XYWH_ABS)
        annotation["bbox_mode"] = BoxMode.XYWH_ABS
    np.testing.assert_array_equal(frame_ground_truth(record).boxes, expected)
