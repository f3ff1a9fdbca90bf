import json
import sys

import networkx
import pytest

from tests.scene_graph.graphs import scene
from vost_sgg.scene_graph import write_graphml


def test_triplets_read_as_what_they_mean():
    assert scene().triplets()[:3] == [
        "0.71 person holding phone/camera",
        "0.64 chair in front of person",
        "0.60 person looking at chair",
    ]


def test_json_is_plain_and_person_first():
    document = json.loads(json.dumps(scene().to_json()))
    assert (document["index"], document["time"]) == (4, 0.4)
    assert document["objects"][0] == {
        "class": "person",
        "box": [0.0, 0.0, 10.0, 20.0],
        "score": 0.9,
    }
    assert document["relations"][1] == {
        "subject": 0,
        "object": 2,
        "group": "spatial",
        "predicate": "in_front_of",
        "score": 0.64,
    }


def test_networkx_has_an_edge_a_relation_also_between_the_same_two():
    graph = scene().to_networkx()
    assert sorted(graph.get_edge_data("4/0", "4/2")) == ["beneath", "in_front_of", "looking_at"]
    assert graph.nodes["4/2"]["class"] == "chair" and graph.nodes["4/2"]["x1"] == 9.0
    assert graph.graph["width"] == 20


def test_graphml_is_the_networkx_graphs_of_all_frames(tmp_path):
    graphs = [scene(4, 0.4), scene(5, 0.5)]
    path = tmp_path / "graphs.graphml"
    write_graphml(str(path), [graph.to_json() for graph in graphs])
    read = networkx.read_graphml(path, force_multigraph=True)
    expected = networkx.compose_all([graph.to_networkx() for graph in graphs])
    assert dict(read.nodes(data=True)) == dict(expected.nodes(data=True))
    edges = [
        sorted((u, v, k, sorted(d.items())) for u, v, k, d in g.edges(keys=True, data=True))
        for g in (read, expected)
    ]
    assert edges[0] == edges[1]


def test_graphml_of_hostile_names_is_well_formed(tmp_path):
    document = scene().to_json()
    document["objects"][2]["class"] = '<script>"&'
    path = tmp_path / "graphs.graphml"
    write_graphml(str(path), [document])
    assert networkx.read_graphml(path).nodes["4/2"]["class"] == '<script>"&'


def test_a_data_frame_has_a_row_a_relation():
    table = scene().to_dataframe()
    assert len(table) == 5
    first = table.iloc[0]
    names = ["subject", "predicate", "object"]
    assert list(first[names]) == ["person", "holding", "phone/camera"]
    assert (first["frame"], first["object_x1"]) == (4, 3.0)
    assert list(table[table.score >= 0.6].predicate) == ["holding", "in_front_of", "looking_at"]


def test_without_pandas_a_data_frame_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install pandas"):
        scene().to_dataframe()
