"""Pictures of what goes into the models and of what comes out of them."""

from vost_sgg.visualization.draw import draw_scene_graph

__all__ = ["draw_scene_graph"]
