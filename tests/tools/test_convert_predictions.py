"""Other people's predictions: the examples of docs/prediction_file.md as they stand there, and bad input."""

import json
import re
from pathlib import Path

import pytest

from tests.tiny import register, tiny_records
from tools import convert_predictions, evaluate_predictions

PAGE = Path(__file__).parents[2] / "docs" / "prediction_file.md"


@pytest.fixture
def examples(tmp_path, monkeypatch):
    """The page's Python, of the tiny data set, to be run in a folder of the test's own."""
    register("tiny_test", tiny_records(tmp_path / "frames", {"A.mp4": 3, "B.mp4": 1}, write=False))
    monkeypatch.chdir(tmp_path)
    code = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    read, write = (text.replace("ag_sample_test", "tiny_test") for text in code)
    return read, write


@pytest.fixture
def document(examples):
    """What the page's example writes."""
    exec(examples[1], {})
    return json.loads(Path("mine.json").read_text())


def test_the_page_s_examples(examples, document, capsys):
    convert_predictions.main(["mine.json", "mine.safetensors"])
    assert "written: mine.safetensors, 4 frames" in capsys.readouterr().out
    exec(examples[0], {})
    assert "mine A.mp4/000001.png [[10.0, 20.0, 110.0, 220.0]" in capsys.readouterr().out
    evaluate_predictions.main(["mine.safetensors", "--protocol", "sttran"])
    out = capsys.readouterr().out
    assert "SGDET, protocol sttran (IoU plus_one, no pair NMS)" in out
    assert out.splitlines()[-2].startswith("mine ")


def test_lines_are_the_same_file(document):
    convert_predictions.main(["mine.json", "mine.safetensors"])
    frames = document.pop("frames")
    Path("mine.jsonl").write_text("\n".join(map(json.dumps, [document, *frames])))
    convert_predictions.main(["mine.jsonl", "lines.safetensors"])
    assert Path("lines.safetensors").read_bytes() == Path("mine.safetensors").read_bytes()


def of_frame(**fields):
    return lambda document: document["frames"][1].update(fields)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.pop("predicates"), "mine.json lacks predicates"),
        (lambda d: d.update(frames=4), "mine.json: frames must be a list"),
        (lambda d: d.update(task="sgdt"), "unknown task 'sgdt'; did you mean sgdet"),
        (lambda d: d.update(dataset="tiny_tset"), "mine.json, dataset: .* did you mean tiny_test"),
        (lambda d: d["predicates"].reverse(), "it has 'writing_on' where 'looking_at' belongs"),
        (of_frame(classes=["person", "boook"]), "A.mp4/000008.png: unknown .* did you mean book"),
        (
            of_frame(attention=[[float("nan"), 0, 0]]),
            "A.mp4/000008.png: prediction.attention holds",
        ),
        (
            of_frame(spatial=[[0.1] * 5]),
            r"prediction.spatial has shape \(1, 5\), expected \(1, 6\)",
        ),
        (of_frame(pairs=[[0, 2]]), "prediction.pairs names rows 0..2 of 2 boxes"),
        (of_frame(image_id="A.mp4/000001.png"), "frame A.mp4/000001.png is there twice"),
        (lambda d: d["frames"][1].pop("boxes"), "frame A.mp4/000008.png lacks boxes"),
    ],
)
def test_bad_input_is_one_line_and_no_file(document, change, message, capsys):
    change(document)
    Path("mine.json").write_text(json.dumps(document))
    before = {path.name for path in Path().iterdir()}
    with pytest.raises(SystemExit) as stop:
        convert_predictions.main(["mine.json", "mine.safetensors"])
    assert stop.value.code == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("error: ") and re.search(message, error), error
    assert {path.name for path in Path().iterdir()} == before


def test_a_file_that_is_cut_short(document, capsys):
    text = json.dumps(document)
    Path("mine.json").write_text(text[: len(text) // 2])
    with pytest.raises(SystemExit):
        convert_predictions.main(["mine.json", "mine.safetensors"])
    assert "mine.json is no JSON, or is cut short" in capsys.readouterr().err
