"""Puts the report together: one HTML file with its data, styles and scripts in it."""

import base64
import hashlib
import importlib.metadata
import json
import mimetypes
import os
from collections.abc import Mapping
from importlib.resources import files
from urllib.parse import quote

from detectron2.utils.file_io import PathManager
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from vost_sgg.visualization.report.document import report_frames
from vost_sgg.whole_files import replaced

# In the order in which they build on each other; together they are one script.
SCRIPTS = (
    "model.js",
    "store.js",
    "player.js",
    "text.js",
    "frame.js",
    "layout.js",
    "graph.js",
    "timeline.js",
    "rows.js",
    "filters.js",
    "keys.js",
    "main.js",
)


def write_report(
    path: str,
    document: Mapping,
    *,
    video: str | None = None,
    frames: Mapping[int, str] | None = None,
    title: str,
) -> None:
    """Writes the report of a video's scene graphs as one HTML file, which opens from disk and needs no network.

    Args:
        path: of the HTML file. It is written under a temporary name and renamed.
        document: the scene graphs, the content of ``scene_graphs.json``; docs/demo.md describes it. What it says is
            shown as text, whatever it is.
        video: the video file; the report refers to it by its place relative to ``path``.
        frames: without a video, the image of each frame by the frame's ``index``; they are put into the file.
        title: the heading.

    Raises:
        ValueError: the document is broken; the message names frame and key.
        FileNotFoundError: an image of ``frames`` is missing, or the installed mpld3 has no d3 in it.
    """
    payload = {
        "title": title,
        "video": {**document["video"], "source": _reference(video, path) if video else None},
        "model": document["model"],
        "frames": report_frames(document),
        "images": {str(index): _data_uri(image) for index, image in (frames or {}).items()},
    }
    page = _page(title, _embedded(payload))
    # A file name that is no valid Unicode can be part of a title.
    with replaced(path, "w", encoding="utf-8", errors="replace") as file:
        file.write(page)


def _page(title: str, payload: str) -> str:
    style, script, library = _asset("report.css"), _script(), _d3()
    # The default forbids every connection. The video lies beside the report, on disk or on a server.
    policy = (
        "default-src 'none'; img-src data:; media-src 'self' file:; base-uri 'none'; form-action 'none'; "
        f"style-src {_digest(style)}; script-src {_digest(library)} {_digest(script)}"
    )
    environment = Environment(
        loader=PackageLoader(__package__, "assets"), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template("report.html.jinja").render(
        title=title,
        policy=policy,
        style=Markup(style),
        library=Markup(library),
        script=Markup(script),
        payload=Markup(payload),
    )


def _embedded(payload: dict) -> str:
    """JSON that no HTML parser takes for markup: of its text only ASCII letters without < > & are left."""
    text = json.dumps(payload, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return text.replace("&", r"\u0026").replace("<", r"\u003c").replace(">", r"\u003e")


def _script() -> str:
    body = "\n".join(_asset(name) for name in SCRIPTS)
    return f'(function () {{\n"use strict";\n{body}}})();\n'


def _asset(name: str) -> str:
    return files(__package__).joinpath("assets", name).read_text(encoding="utf-8")


def _d3() -> str:
    """d3's code (BSD licence), which the package mpld3 carries. It is found without importing mpld3 and matplotlib."""
    path = str(importlib.metadata.distribution("mpld3").locate_file("mpld3/js/d3.v5.min.js"))
    if not os.path.exists(path):
        raise FileNotFoundError(
            f"{path}: the installed mpld3 carries no d3; pip install 'mpld3>=0.5.10'"
        )
    with open(path, encoding="utf-8") as file:
        return file.read()


def _digest(code: str) -> str:
    digest = hashlib.sha256(code.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _reference(video: str, path: str) -> str:
    folder = os.path.dirname(os.path.abspath(path))
    return quote(os.path.relpath(os.path.abspath(video), folder).replace(os.sep, "/"))


def _data_uri(image: str) -> str:
    kind = mimetypes.guess_type(image)[0] or "image/png"
    with PathManager.open(image, "rb") as file:
        return f"data:{kind};base64,{base64.b64encode(file.read()).decode()}"
