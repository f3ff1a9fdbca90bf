"""The files of answers: what is stored comes back, and what cannot be read is one clear error."""

import json

import pytest

from vost_sgg.config import get_vost_cfg
from vost_sgg.vlm import AnswerCache, CacheError, cache_folder
from vost_sgg.vlm.answer_file import AnswerFile
from vost_sgg.vlm.answers import Answer, Relation
from vost_sgg.vlm.cache import CacheLine, FrameAnswers

KEYS = {("A/1.png", (0, 1)): "h1", ("A/1.png", (0, 2)): "h2", ("A/2.png", (0, 1)): "h3"}
RELATION = Relation(row=1, attention=("unsure",), contacting=("holding", "touching"))


def lines(keys=tuple(KEYS)):
    return [
        CacheLine(
            frame=frame,
            pair=pair,
            prompt=KEYS[frame, pair],
            size=(476, 280),
            response='{"contact": "\u00e9 \ud800\n"}',
            parse=Answer("repaired", ("respelled",), (RELATION,), person_row=0),
        )
        for frame, pair in keys
    ]


def write(folder):
    with AnswerFile(str(folder), "A", KEYS) as file:
        file.append(lines())
        file.finish()
    return folder / "A.jsonl"


def test_a_line_comes_back(tmp_path):
    for line in [*lines(), CacheLine("A/1.png", None, "h", (1, 1), None, Answer("empty"), "gone")]:
        text = line.to_text()
        assert text.isascii() and text.count("\n") == 1
        assert CacheLine.from_text(text) == line


def test_the_finished_file_is_in_the_order_of_the_prompts(tmp_path):
    first, second, third = lines()
    with AnswerFile(str(tmp_path), "A", KEYS) as file:
        file.append([third])
        file.append([first])
        with pytest.raises(CacheError, match="1 prompts have no answer yet"):
            file.finish()
    with AnswerFile(str(tmp_path), "A", KEYS) as file:
        assert set(file.stored) == {third.key, first.key}
        file.append([second])
        file.finish()
    content = "".join(line.to_text() for line in lines())
    assert (tmp_path / "A.jsonl").read_text() == content
    assert [p.name for p in tmp_path.iterdir()] == ["A.jsonl"]


def test_a_video_is_written_by_one_process_at_a_time(tmp_path):
    with AnswerFile(str(tmp_path), "A", KEYS):
        with pytest.raises(CacheError, match="another process is writing this video"):
            with AnswerFile(str(tmp_path), "A", KEYS):
                pass
    with AnswerFile(str(tmp_path), "A", KEYS) as file:
        assert not file.stored


def test_frames_gather_their_prompts(tmp_path):
    write(tmp_path)
    cache = AnswerCache(str(tmp_path))
    assert cache.videos() == ["A"]
    frames = cache.frames("A")
    assert frames["A/1.png"] == FrameAnswers((RELATION, RELATION), person_row=0, asked=2)
    assert dict(cache) == frames


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-20],
        lambda content: content.replace(b'"parse"', b'"prase"', 1),
        lambda content: content.replace(b'"relations": [', b'"relations": [1, ', 1),
        lambda content: b"\xff" + content,
        lambda content: content.replace(b"\n", b"\n\n", 1),
        lambda content: content + b"[]\n",
    ],
)
def test_a_damaged_file_names_the_line_and_the_remedy(tmp_path, damage):
    path = write(tmp_path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(
        CacheError, match=r"A.jsonl, line \d: .*rename the file to end in .jsonl.part"
    ):
        AnswerCache(str(tmp_path)).frames("A")
    # The remedy keeps what can be read.
    path.rename(tmp_path / "A.jsonl.part")
    with AnswerFile(str(tmp_path), "A", KEYS) as file:
        assert file.corrupt and len(file.stored) >= 2


def test_missing_answers_name_the_tool(tmp_path):
    with pytest.raises(CacheError, match="extract them with tools/extract_vlm.py"):
        AnswerCache(str(tmp_path / "none"))
    write(tmp_path).rename(tmp_path / "B.jsonl.part")
    (tmp_path / "A.jsonl").write_text("")
    cache = AnswerCache(str(tmp_path))
    with pytest.raises(CacheError, match="B.jsonl: the video is not finished"):
        cache.frames("B")
    with pytest.raises(CacheError, match="C.jsonl: the video has no answers"):
        cache.frames("C")


def test_the_folder_is_known_from_the_config(monkeypatch):
    monkeypatch.setenv("SCRATCH", "/scratch")
    cfg = get_vost_cfg("configs/vlm/qwen_sgdet.yaml", ["MODEL.VLM.CACHE", "$SCRATCH/vlm"])
    cfg.MODEL.VLM.NAME = "SimulatedVLM"
    assert cache_folder(cfg, "x") == "/scratch/vlm/x/simulated/sgdet"


@pytest.mark.parametrize(
    "model, name", [("qwen", "Qwen2.5-VL-7B-Instruct"), ("internvl", "InternVL3-8B-hf")]
)
def test_answers_zero_shot_and_fine_tuned_lie_apart(model, name):
    """Rows A and C, B and D of Table 3: one file, with and without an adapter; no weights are looked for."""
    file = f"configs/vlm/{model}_predcls.yaml"
    folders = [
        cache_folder(
            get_vost_cfg(file, ["MODEL.VLM.ADAPTER", adapter, "MODEL.VLM.CACHE", "c"]), "x"
        )
        for adapter in ("", "output/lora_predcls/")
    ]
    assert folders == [f"c/x/{name}/predcls", f"c/x/{name}+lora_predcls/predcls"]


def test_an_answer_is_stored_without_what_is_empty():
    document = json.loads(lines()[0].to_text())["parse"]
    assert document["relations"] == [
        {"row": 1, "attention": ["unsure"], "contacting": ["holding", "touching"]}
    ]
