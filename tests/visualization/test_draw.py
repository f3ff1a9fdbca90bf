import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from vost_sgg.structures import FrameGroundTruth, FramePrediction
from vost_sgg.visualization import draw_scene_graph
from vost_sgg.visualization.graph import graph_height
from vost_sgg.visualization.relations import drawn_graph
from vost_sgg.visualization.style import GROUP_STYLES

METADATA = SimpleNamespace(
    thing_classes=["person", "cup/glass/bottle", "table"],
    attention_classes=["looking_at", "not_looking_at", "unsure"],
    spatial_classes=["above", "beneath", "in_front_of", "behind", "on_the_side_of", "in"],
    contacting_classes=["holding", "touching", "not_contacting"],
)


def ground_truth(size=(480, 270), *, spatial=(2,)) -> FrameGroundTruth:
    boxes = np.array([[0.1, 0.1, 0.5, 0.9], [0.4, 0.4, 0.5, 0.6], [0.3, 0.5, 1.0, 1.0]])
    return FrameGroundTruth(
        boxes=(boxes * np.tile(size, 2)).astype(np.float32),
        classes=np.array([0, 1, 2]),
        pairs=np.array([[0, 1], [0, 2]]),
        attention=np.eye(3, dtype=bool)[[0, 1]],
        spatial=np.isin(np.arange(6), spatial)[None].repeat(2, 0),
        contacting=np.eye(3, dtype=bool)[[0, 2]],
        size=size,
    )


def prediction(pairs: int = 1) -> FramePrediction:
    return FramePrediction(
        boxes=torch.rand(2 * pairs, 4).cumsum(1) * 50,
        classes=torch.tensor([0, 1] * pairs),
        scores=torch.linspace(1, 0.1, 2 * pairs),
        pairs=torch.arange(2 * pairs).reshape(-1, 2),
        attention=torch.tensor([[0.2, 0.7, 0.1]]).repeat(pairs, 1),
        spatial=torch.tensor([[0.1, 0.6, 0.2, 0.9, 0.0, 0.0]]).repeat(pairs, 1),
        contacting=torch.tensor([[0.3, 0.4, 0.1]]).repeat(pairs, 1),
    )


def edges_of(graph, **arguments):
    nodes, edges = drawn_graph(graph, METADATA, **{"threshold": 0.5, "max_pairs": 6, **arguments})
    return [node.label for node in nodes], [(e.group, e.person, e.object, e.label) for e in edges]


def has_colour(picture: np.ndarray, colour: str) -> bool:
    rgb = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return bool((picture == rgb).all(axis=-1).any())


def test_annotated_labels_become_edges():
    nodes, edges = edges_of(ground_truth(spatial=(2, 4)))
    assert nodes == ["0 person", "1 cup/glass/bottle", "2 table"]
    assert edges == [
        ("attention", 0, 1, "looking at"),
        ("spatial", 0, 1, "in front of, on the side of"),
        ("contacting", 0, 1, "holding"),
        ("attention", 0, 2, "not looking at"),
        ("spatial", 0, 2, "in front of, on the side of"),
        ("contacting", 0, 2, "not contacting"),
    ]


def test_a_prediction_shows_its_best_predicates_and_scores():
    nodes, edges = edges_of(prediction())
    assert nodes == ["0 person 1.00", "1 cup/glass/bottle 0.10"]
    assert edges == [
        ("attention", 0, 1, "not looking at 0.70"),
        ("spatial", 0, 1, "behind 0.90, beneath 0.60"),
        ("contacting", 0, 1, "touching 0.40"),
    ]


def test_only_the_best_pairs_of_a_prediction_are_drawn():
    nodes, edges = edges_of(prediction(pairs=9), max_pairs=2)
    assert len(nodes) == 4 and {(e[1], e[2]) for e in edges} == {(0, 2), (1, 3)}


@pytest.mark.parametrize("size", [(224, 160), (160, 224), (480, 270), (270, 480)])
def test_the_picture_shows_the_whole_frame_and_every_group(size):
    image = np.full((size[1], size[0], 3), (200, 220, 240), np.uint8)
    picture = draw_scene_graph(image, ground_truth(size), METADATA)
    assert picture.dtype == np.uint8 and picture.ndim == 3
    scale = 760 / max(size)
    frame = (picture == (200, 220, 240)).all(axis=-1)
    rows, columns = np.flatnonzero(frame.any(axis=1)), np.flatnonzero(frame.any(axis=0))
    assert np.ptp(columns) + 1 == pytest.approx(size[0] * scale, abs=6)
    assert np.ptp(rows) + 1 == pytest.approx(size[1] * scale, abs=6)
    for colour, _ in GROUP_STYLES.values():
        assert has_colour(picture, colour)


def test_boxes_are_drawn_where_they_are():
    image = np.full((100, 100, 3), 128, np.uint8)
    truth = ground_truth((100, 100))
    truth.boxes[1] = (60, 10, 90, 30)
    picture = draw_scene_graph(image, truth, METADATA)
    top, left = (picture.shape[0] - 760) // 2, 16
    inside = picture[top : top + 760, left : left + 760]
    orange = (inside == (0xE6, 0x9F, 0x00)).all(axis=-1)
    # The left and the right side of the object's box, half way down.
    columns = np.flatnonzero(orange[152])
    assert columns.min() == pytest.approx(456, abs=3) and columns.max() == pytest.approx(684, abs=3)


def test_normalised_boxes_give_the_same_picture():
    image = np.full((270, 480, 3), 128, np.uint8)
    truth = ground_truth()
    boxes = (truth.boxes / np.array([480, 270, 480, 270])).astype(np.float32)
    unit = FrameGroundTruth(**{**vars(truth), "boxes": boxes, "size": (1, 1)})
    pictures = [draw_scene_graph(image, graph, METADATA) for graph in (truth, unit)]
    assert np.abs(pictures[0].astype(int) - pictures[1]).max() <= 2


def test_a_crowded_graph_grows_instead_of_overlapping():
    image = np.zeros((160, 224, 3), np.uint8)
    crowded = prediction(pairs=12)
    nodes, edges = drawn_graph(crowded, METADATA, threshold=0, max_pairs=12)
    picture = draw_scene_graph(image, crowded, METADATA, threshold=0, max_pairs=12)
    assert picture.shape[0] >= graph_height(edges) > 900


def test_a_frame_without_pairs_is_drawn():
    truth = ground_truth()
    empty = FrameGroundTruth(
        boxes=truth.boxes[:1],
        classes=truth.classes[:1],
        **{
            name: getattr(truth, name)[:0]
            for name in ("pairs", "attention", "spatial", "contacting")
        },
        size=truth.size,
    )
    assert draw_scene_graph(np.zeros((270, 480, 3), np.uint8), empty, METADATA).any()


def test_pyplot_is_left_alone():
    code = "import sys, vost_sgg.visualization; assert 'matplotlib.pyplot' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
