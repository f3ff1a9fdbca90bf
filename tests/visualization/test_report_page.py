"""The report's file: what is in it, what it refers to, and what is said about a broken document."""

import base64
import copy
import json
import re

import pytest

from tests.visualization.report_documents import document, frame
from vost_sgg.visualization.report import write_report

HOLDING = ("contacting", "holding", "cup", 0.8)


def payload_of(path) -> dict:
    found = re.search(
        r'<script type="application/json" id="payload">(.*?)</script>', path.read_text()
    )
    return json.loads(found.group(1))


def test_the_data_are_in_the_file_rounded_and_nothing_else_is_left(tmp_path):
    made = document([frame(0, ("contacting", "holding", "cup", 0.123456))])
    made["frames"][0]["objects"][0]["box"] = [10.26, 1.0, 20.0, 30.0]
    path = tmp_path / "report.html"
    write_report(str(path), made, title="A title")
    shown = payload_of(path)["frames"][0]
    assert shown["relations"][0]["score"] == 0.123
    assert shown["objects"][0]["box"] == [10.3, 1.0, 20.0, 30.0]
    assert [item.name for item in tmp_path.iterdir()] == ["report.html"]


def test_the_page_may_load_nothing_but_the_video_beside_it(tmp_path):
    path = tmp_path / "report.html"
    write_report(str(path), document([frame(0, HOLDING)]), video=str(tmp_path / "a.mp4"), title="")
    text = path.read_text()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text).group(1)
    assert policy.startswith("default-src &#39;none&#39;")
    assert "http" not in policy
    assert "unsafe" not in policy
    assert not re.search(r"<(script|link|img|iframe)[^>]+(src|href)=\"(?!data:)", text)


@pytest.mark.parametrize(
    ("video", "source"),
    [("a.mp4", "a.mp4"), ("clips/a b#1?.mp4", "clips/a%20b%231%3F.mp4"), ("../a.mp4", "../a.mp4")],
)
def test_the_video_is_referred_to_from_the_report(tmp_path, video, source):
    folder = tmp_path / "out"
    folder.mkdir()
    write_report(
        str(folder / "report.html"), document([frame(0)]), video=str(folder / video), title=""
    )
    assert payload_of(folder / "report.html")["video"]["source"] == source


def test_images_are_embedded(tmp_path):
    image = tmp_path / "000000.jpg"
    image.write_bytes(b"no real picture")
    path = tmp_path / "report.html"
    write_report(str(path), document([frame(7)]), frames={7: str(image)}, title="")
    encoded = base64.b64encode(b"no real picture").decode()
    assert payload_of(path)["images"] == {"7": f"data:image/jpeg;base64,{encoded}"}


def test_text_cannot_leave_its_place(tmp_path):
    hostile = "</script><script>alert(1)</script><!-- & \u2028 \ud800 \u202e"
    made = document([frame(0, ("contacting", hostile, "cup", 0.5))])
    path = tmp_path / "report.html"
    write_report(str(path), made, title=hostile)
    assert payload_of(path)["frames"][0]["relations"][0]["predicate"] == hostile
    # The library, the report's own script and the data.
    assert path.read_text().count("<script") == 3
    assert "<script>alert" not in path.read_text()


def broken(change) -> dict:
    made = document([frame(0, HOLDING), frame(1, HOLDING)])
    change(made)
    return made


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda made: made.update(version=2), "version 1, not format .* version 2"),
        (lambda made: made["frames"].clear(), "no frames"),
        (lambda made: made["frames"][1].update(time=0.0), "order of time"),
        (
            lambda made: made["frames"][1]["relations"][0].update(object=3),
            r"frames\[1\].relations\[0\].object: 3 is no row of the 3 objects",
        ),
        (
            lambda made: made["frames"][0]["relations"][0].update(group="verb"),
            r"relations\[0\].group: 'verb'",
        ),
        (
            lambda made: made["frames"][0]["objects"][2].update(box=[1, 2, 3]),
            r"frames\[0\].objects\[2\].box: 4 numbers",
        ),
        (
            lambda made: made["frames"][0]["objects"][2].update(score=float("nan")),
            r"frames\[0\].objects\[2\].score: a finite number",
        ),
        (
            lambda made: made["frames"][0].pop("relations"),
            r"frames\[0\].relations is missing",
        ),
    ],
)
def test_a_broken_document_is_said_and_nothing_is_written(tmp_path, change, message):
    with pytest.raises(ValueError, match=message):
        write_report(str(tmp_path / "report.html"), broken(change), title="")
    assert list(tmp_path.iterdir()) == []


def test_the_document_is_left_as_it_was(tmp_path):
    made = document([frame(0, HOLDING, truth={"objects": [], "relations": []})])
    before = copy.deepcopy(made)
    write_report(str(tmp_path / "report.html"), made, title="")
    assert made == before
