"""The scene graphs of a video as one GraphML file, written element by element: networkx would build it in memory."""

from collections.abc import Iterable, Mapping
from xml.sax.saxutils import XMLGenerator

from detectron2.utils.file_io import PathManager

from vost_sgg.scene_graph.graph import edge_attributes, node_attributes, node_id

_NAMESPACE = "http://graphml.graphdrawing.org/xmlns"
_TYPES = {int: "long", float: "double", str: "string"}
_KEYS = {
    "node": {
        "class": str,
        "score": float,
        **dict.fromkeys(("x0", "y0", "x1", "y1"), float),
        "frame": int,
        "time": float,
    },
    "edge": {"predicate": str, "group": str, "score": float},
}


def write_graphml(path: str, frames: Iterable[Mapping]) -> None:
    """Writes one directed graph of all frames; those of different frames are not connected.

    Args:
        path: of the file.
        frames: of scene_graphs.json.
    """
    with PathManager.open(path, "w", encoding="utf-8") as file:
        xml = XMLGenerator(file, "utf-8", short_empty_elements=True)
        xml.startDocument()
        xml.startElement("graphml", {"xmlns": _NAMESPACE})
        for kind, names in _KEYS.items():
            for name, python_type in names.items():
                attributes = {"id": f"{kind}_{name}", "for": kind, "attr.name": name}
                xml.startElement("key", {**attributes, "attr.type": _TYPES[python_type]})
                xml.endElement("key")
        xml.startElement("graph", {"edgedefault": "directed"})
        for frame in frames:
            _write_frame(xml, frame)
        xml.endElement("graph")
        xml.endElement("graphml")
        xml.endDocument()


def _write_frame(xml: XMLGenerator, frame: Mapping) -> None:
    for row, node in enumerate(frame["objects"]):
        _write_element(xml, "node", {"id": node_id(frame, row)}, node_attributes(frame, node))
    for relation in frame["relations"]:
        ends = {
            "source": node_id(frame, relation["subject"]),
            "target": node_id(frame, relation["object"]),
            "id": relation["predicate"],
        }
        _write_element(xml, "edge", ends, edge_attributes(relation))


def _write_element(xml: XMLGenerator, kind: str, attributes: dict, data: dict) -> None:
    xml.startElement(kind, attributes)
    for name, value in data.items():
        xml.startElement("data", {"key": f"{kind}_{name}"})
        xml.characters(str(_KEYS[kind][name](value)))
        xml.endElement("data")
    xml.endElement(kind)
