"""A predicted scene graph by its names, and the files that scene graphs of a video are written to."""

from vost_sgg.scene_graph.graph import GraphObject, GraphRelation, SceneGraph
from vost_sgg.scene_graph.graphml import write_graphml
from vost_sgg.scene_graph.segments import segments

__all__ = ["GraphObject", "GraphRelation", "SceneGraph", "segments", "write_graphml"]
