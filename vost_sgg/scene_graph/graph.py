"""One frame's scene graph by its names: what a user of a trained model is given."""

from dataclasses import dataclass

import networkx


@dataclass(frozen=True)
class GraphObject:
    """A node.

    Args:
        name: of its class.
        box: (x0, y0, x1, y1) in pixels of the frame, inside it.
        score: the model's confidence in the class, 0 to 1; 1 of a person in SGDET, where every slot has one.
    """

    name: str
    box: tuple[float, float, float, float]
    score: float


@dataclass(frozen=True)
class GraphRelation:
    """An edge, person first whatever its group. A spatial predicate says where the object is, as it is annotated:
    person, in_front_of, table is a table in front of the person.

    Args:
        subject, object: rows of the graph's objects.
        group: attention | spatial | contacting.
        predicate: its name.
        score: of the triplet: subject's, object's and predicate's together, by which the evaluation ranks.
    """

    subject: int
    object: int
    group: str
    predicate: str
    score: float


@dataclass(frozen=True)
class SceneGraph:
    """The scene graph of one frame.

    Args:
        index: number of the frame in its source, from 0.
        time, duration: in seconds.
        size: (width, height) of the frame in pixels.
        objects: persons first, then in the order of the classes.
        relations: of descending score.
    """

    index: int
    time: float
    duration: float
    size: tuple[int, int]
    objects: tuple[GraphObject, ...]
    relations: tuple[GraphRelation, ...]

    def triplets(self) -> list[str]:
        """A line a relation, such as "0.71 person holding phone/camera" and "0.64 table in front of person", the surest
        first.
        """
        names = [node.name for node in self.objects]
        return [
            f"{r.score:.2f} {sentence(names[r.subject], r.predicate, names[r.object], r.group)}"
            for r in self.relations
        ]

    def to_json(self) -> dict:
        """Plain values, as a frame stands in scene_graphs.json (docs/demo.md)."""
        return {
            "index": self.index,
            "time": round(self.time, 4),
            "objects": [
                {
                    "class": node.name,
                    "box": [round(value, 1) for value in node.box],
                    "score": round(node.score, 4),
                }
                for node in self.objects
            ],
            "relations": [
                {
                    "subject": r.subject,
                    "object": r.object,
                    "group": r.group,
                    "predicate": r.predicate,
                    "score": round(r.score, 4),
                }
                for r in self.relations
            ],
        }

    def to_networkx(self) -> networkx.MultiDiGraph:
        """Nodes "<index>/<row>" with class, score, x0, y0, x1, y1, frame, time; edges with predicate, group, score."""
        graph = networkx.MultiDiGraph(
            frame=self.index, time=self.time, width=self.size[0], height=self.size[1]
        )
        document = self.to_json()
        for row, node in enumerate(document["objects"]):
            graph.add_node(node_id(document, row), **node_attributes(document, node))
        for relation in document["relations"]:
            subject, thing = (node_id(document, relation[end]) for end in ("subject", "object"))
            graph.add_edge(subject, thing, key=relation["predicate"], **edge_attributes(relation))
        return graph

    def to_dataframe(self):
        """A pandas.DataFrame, a row a relation: frame, time, subject, predicate, object, group, score, both boxes.

        Raises:
            ImportError: pandas is not installed; nothing else here needs it.
        """
        try:
            import pandas
        except ImportError:
            raise ImportError(
                "SceneGraph.to_dataframe needs pandas, which is not installed: pip install pandas"
            ) from None
        corners = ("x0", "y0", "x1", "y1")
        columns = ["frame", "time", "subject", "predicate", "object", "group", "score"]
        columns += [f"{end}_{corner}" for end in ("subject", "object") for corner in corners]
        rows = []
        for r in self.relations:
            subject, thing = self.objects[r.subject], self.objects[r.object]
            names = subject.name, r.predicate, thing.name, r.group, r.score
            rows.append((self.index, self.time, *names, *subject.box, *thing.box))
        return pandas.DataFrame(rows, columns=columns)


def sentence(subject: str, predicate: str, thing: str, group: str) -> str:
    """A triplet as words that say what it means: of a spatial one the object stands first."""
    first, last = (thing, subject) if group == "spatial" else (subject, thing)
    return f"{first} {predicate.replace('_', ' ')} {last}"


def node_id(frame: dict, row: int) -> str:
    """The name of an object, a row of a frame of scene_graphs.json, among those of the whole video."""
    return f"{frame['index']}/{row}"


def node_attributes(frame: dict, node: dict) -> dict:
    """What a node carries in NetworkX and GraphML, plain values."""
    corners = dict(zip(("x0", "y0", "x1", "y1"), node["box"], strict=True))
    return {
        "class": node["class"],
        "score": node["score"],
        **corners,
        "frame": frame["index"],
        "time": frame["time"],
    }


def edge_attributes(relation: dict) -> dict:
    """Likewise of an edge."""
    return {key: relation[key] for key in ("predicate", "group", "score")}
