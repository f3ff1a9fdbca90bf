import numpy as np
import pytest

from vost_sgg.scene_graph import GraphObject, GraphRelation, SceneGraph
from vost_sgg.visualization.overlay import LIST_SHARE, OverlayPainter
from vost_sgg.visualization.style import OBJECT_COLOURS


def graph(size, objects, predicates=("holding",)):
    """A person on the left, and objects (name, box) that all these predicates hold of."""
    width, height = size
    nodes = [GraphObject("person", (0, height / 4, width / 3, height), 1.0)]
    nodes += [GraphObject(name, box, 0.8) for name, box in objects]
    relations = [
        GraphRelation(0, 1 + i, "contacting", predicate, 0.5)
        for i in range(len(objects))
        for predicate in predicates
    ]
    return SceneGraph(0, 0.0, 0.1, size, tuple(nodes), tuple(relations))


def rgb(colour):
    return [int(colour[i : i + 2], 16) for i in (1, 3, 5)]


def painted(size, *scenes):
    paint = OverlayPainter(person="person", size=size)
    grey = np.full((size[1], size[0], 3), 128, np.uint8)
    return [paint(grey, scene) for scene in scenes]


@pytest.mark.parametrize("size", [(480, 270), (224, 160), (160, 224), (65, 49), (1920, 1080)])
def test_a_picture_of_any_size_keeps_its_size_and_half_of_itself(size):
    names = [f"thing {i}" for i in range(9)]
    box = (size[0] / 2, size[1] / 2, size[0] * 0.9, size[1] * 0.9)
    words = ("holding", "touching", "leaning_on", "have_it_on_the_back")
    (picture,) = painted(size, graph(size, [(name, box) for name in names], words))
    assert picture.shape == (size[1], size[0], 3)
    plain = (picture == 128).all(-1).any(1).mean()
    assert plain > 0.9 - LIST_SHARE - 30 / size[1]


def test_a_box_has_its_colour_where_it_is():
    (picture,) = painted((480, 270), graph((480, 270), [("chair", (300, 100, 400, 180))]))
    for x, y in ((300, 140), (400, 140), (350, 180)):
        assert picture[y, x].tolist() == rgb(OBJECT_COLOURS[0])
    assert picture[140, 350].tolist() == [128] * 3


def test_a_class_keeps_its_colour_through_the_video():
    size, box, other = (480, 270), (300, 100, 400, 180), (200, 20, 260, 60)
    scenes = [
        graph(size, [("chair", box)]),
        graph(size, [("bed", other), ("chair", box)]),
        graph(size, [("bed", other)]),
    ]
    pictures = painted(size, *scenes)
    assert pictures[0][140, 300].tolist() == pictures[1][140, 300].tolist()
    assert pictures[1][40, 200].tolist() == pictures[2][40, 200].tolist()
    assert pictures[1][140, 300].tolist() != pictures[1][40, 200].tolist()


def test_the_list_stands_where_it_covers_less_and_stays_there():
    size, low, high = (480, 270), (300, 200, 470, 269), (300, 5, 470, 60)
    first, second = painted(size, graph(size, [("chair", low)]), graph(size, [("chair", high)]))
    assert (first[2, 470] > 200).all() and first[265, 240].tolist() == [128] * 3
    assert (second[2, 470] > 200).all()


def test_a_frame_without_anything_stays_as_it_is():
    empty = SceneGraph(0, 0.0, 0.1, (64, 48), (), ())
    (picture,) = painted((64, 48), empty)
    assert (picture == 128).all()
