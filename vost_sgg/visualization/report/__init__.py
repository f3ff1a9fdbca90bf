"""One HTML file that shows the scene graphs of a video: the frames, their graphs and a timeline of every relation."""

from vost_sgg.visualization.report.page import write_report

__all__ = ["write_report"]
