"""A scene graph with two persons and two chairs."""

from vost_sgg.scene_graph import GraphObject, GraphRelation, SceneGraph


def scene(index: int = 4, time: float = 0.4) -> SceneGraph:
    boxes = [
        (0.0, 0.0, 10.0, 20.04),
        (12.0, 0.0, 20.0, 20.0),
        (5.0, 8.0, 9.0, 12.0),
        (1.0, 1.0, 3.0, 3.0),
    ]
    names = ["person", "person", "chair", "phone/camera"]
    relations = [
        (0, 3, "contacting", "holding", 0.71234),
        (0, 2, "spatial", "in_front_of", 0.64),
        (0, 2, "attention", "looking_at", 0.6),
        (1, 2, "spatial", "in_front_of", 0.5),
        (0, 2, "spatial", "beneath", 0.4),
    ]
    return SceneGraph(
        index=index,
        time=time,
        duration=0.1,
        size=(20, 21),
        objects=tuple(GraphObject(n, b, 0.9) for n, b in zip(names, boxes, strict=True)),
        relations=tuple(GraphRelation(*r) for r in relations),
    )
