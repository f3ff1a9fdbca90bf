"""Real Qwen2.5-VL and InternVL classes, tiny and overfitted: asked, batched, cached, parsed and evaluated."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.tiny import register, tiny_records
from tests.vlm.frames import METADATA
from tests.vlm.tiny_vlms import make_internvl, make_qwen, train_vlm
from tools import extract_vlm, train_net
from vost_sgg.config import get_vost_cfg
from vost_sgg.vlm import VLM
from vost_sgg.vlm.answers import PARSED
from vost_sgg.vlm.boxes import BoxFrame
from vost_sgg.vlm.extraction import Extractor
from vost_sgg.vlm.parser import AnswerParser
from vost_sgg.vlm.prompts import build_prompts
from vost_sgg.vlm.words import Vocabulary
from vost_sgg.vlm.writing import annotated_answer


@pytest.fixture(scope="module", params=["Qwen2_5_VL", "InternVL"])
def vlm(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    return train_vlm(request.param, folder / "weights", tiny_records(folder, VIDEOS))


VIDEOS = {"A.mp4": 2, "B.mp4": 1}


@pytest.fixture
def backend(vlm):
    return vlm.backend()


def one_by_one(backend, requests):
    return [backend.respond([request])[0] for request in requests]


def test_its_answers_parse_to_what_it_was_taught(vlm, backend):
    parser, vocabulary = AnswerParser(Vocabulary.of(METADATA)), Vocabulary.of(METADATA)
    requests = vlm.requests(backend)
    responses = one_by_one(backend, requests)
    assert responses == [example["answer"] for example in vlm.examples]
    assert (
        len(set(responses)) > 4
    )  # it looks at the image, for the prompts of its frames are the same
    for (_, prompt), response in zip(requests, responses, strict=True):
        record = next(r for r in vlm.records if r["image_id"] == prompt.image_id)
        answer, true = parser.parse(response, prompt), annotated_answer(prompt, record, vocabulary)
        assert answer.relations == true.relations
        assert answer.status == PARSED or answer.issues == ("missing_group",)


def test_a_batch_answers_as_one_by_one_and_every_time_the_same(vlm, backend):
    requests = vlm.requests(backend)
    image, prompt = requests[0]
    requests.append((image, replace(prompt, text=f"{prompt.text}\n{prompt.text}")))
    inputs = backend._chat.inputs([image for image, _ in requests], [p.text for _, p in requests])
    padded = inputs["attention_mask"] == 0
    assert padded[:6, 0].all() and not padded[:, -1].any()  # on the left
    expected = one_by_one(backend, requests)
    assert backend.respond(requests) == backend.respond(requests) == expected
    mixed = [4, 1, 6, 0]
    assert backend.respond([requests[i] for i in mixed]) == [expected[i] for i in mixed]


def test_the_prompts_of_a_frame_encode_its_image_once(vlm, backend):
    encoded = []
    model = backend._model.model
    tower = model.visual if vlm.name == "Qwen2_5_VL" else model.vision_tower
    tower.register_forward_hook(
        lambda module, args, kwargs, output: encoded.append(
            len(args[0] if args else kwargs["pixel_values"])
        ),
        with_kwargs=True,
    )
    requests = vlm.requests(backend)
    once, rows = backend.respond(requests), sum(encoded)
    encoded.clear()
    backend.encodes_once = False
    assert backend.respond(requests) == once
    assert sum(encoded) == 2 * rows  # each frame has two prompts


def test_the_model_s_own_generation_settings_are_put_aside(vlm, backend, tmp_path):
    shutil.copytree(vlm.folder, tmp_path / "w")
    own = {"do_sample": True, "temperature": 9.0, "repetition_penalty": 5.0, "max_length": 3}
    (tmp_path / "w/generation_config.json").write_text(json.dumps(own))
    other = vlm.backend("MODEL.VLM.WEIGHTS", tmp_path / "w")
    requests = vlm.requests(backend)
    assert other.respond(requests) == backend.respond(requests)
    assert other.settings() == backend.settings()
    assert other.settings()["do_sample"] is False


def test_out_of_memory_reaches_the_extraction_which_halves(vlm, backend, tmp_path, monkeypatch):
    generate, sizes = backend._model.generate, []

    def small(**inputs):
        sizes.append(len(inputs["input_ids"]))
        if sizes[-1] > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return generate(**inputs)

    monkeypatch.setattr(backend._model, "generate", small)
    extractor = Extractor(
        backend=backend, folder=str(tmp_path), task="predcls", metadata=METADATA, batch_size=4
    )
    extractor.run(vlm.records[:2], asked=lambda n: None, stored=lambda n: None)
    assert sizes == [4, 2, 2]
    lines = (tmp_path / "A.mp4.jsonl").read_text().splitlines()
    answers = [json.loads(line)["response"] for line in lines]
    assert answers == [example["answer"] for example in vlm.examples[:4]]


def test_long_answers_are_cut(vlm, backend):
    requests = vlm.requests(backend)[:1]
    (short,) = vlm.backend("MODEL.VLM.MAX_NEW_TOKENS", 4).respond(requests)
    (long,) = backend.respond(requests)
    assert long.startswith(short) and 0 < len(short) < len(long)


CONFIG = "configs/vlm/qwen_predcls.yaml"


def keys_of(vlm, folder):
    """Registers the model's records; the config keys that ask it about them, everything written under ``folder``."""
    register("tiny_test", vlm.records)
    return vlm.opts(
        *("MODEL.VLM.CACHE", folder / "cache", "OUTPUT_DIR", folder / "output"),
        *("DATASETS.TRAIN", "()", "DATASETS.TEST", "('tiny_test',)", "DATALOADER.NUM_WORKERS", 0),
    )


def evaluated(keys, folder):
    """The report of an evaluation of stored answers."""
    train_net.main(["--config-file", CONFIG, "--eval-only", *keys])
    return json.loads((folder / "output/scene_graph_recall_tiny_test.json").read_text())


def test_through_extraction_cache_and_evaluation(vlm, tmp_path, capfd):
    keys = keys_of(vlm, tmp_path)
    extract_vlm.main(["--config-file", CONFIG, "--split", "test", *keys])
    assert "6 answers:" in capfd.readouterr().out
    folder = tmp_path / "cache/tiny_test/weights/predcls"
    manifest = json.loads((folder / "manifest.json").read_text())
    backend = vlm.backend()
    assert manifest["weights"] == backend.fingerprint() and manifest["backend"] == vlm.name
    assert manifest["box_frame"] == backend.box_frame
    assert manifest["settings"]["dtype"] == "float32"
    lines = [
        json.loads(line)
        for file in sorted(folder.glob("*.jsonl"))
        for line in file.read_text().splitlines()
    ]
    assert [line["response"] for line in lines] == [e["answer"] for e in vlm.examples]
    assert {tuple(line["size"]) for line in lines} == {backend.processed_size(48, 32)}

    report = evaluated(keys, tmp_path)
    (row,) = report["methods"].values()
    assert (
        report["frames"] == 3 and row["recall"]["no"]["R@50"] == 1
    )  # all that is annotated, named
    capfd.readouterr()
    # Weights that were trained on are other weights: their answers are not mixed in.
    with pytest.raises(SystemExit):
        other = changed_weights(vlm.folder, tmp_path / "weights")
        more = ["MODEL.VLM.WEIGHTS", str(other)]
        extract_vlm.main(["--config-file", CONFIG, "--split", "test", *keys, *more])
    assert "weights was" in capfd.readouterr().err


@pytest.mark.parametrize("name, task", [("InternVL", "sgcls"), ("Qwen2_5_VL", "sgdet")])
def test_the_other_tasks_go_the_whole_way_too(name, task, tmp_path, capfd):
    records = tiny_records(tmp_path / "frames", {"A.mp4": 1, "B.mp4": 1})
    vlm = train_vlm(name, tmp_path / "weights", records, task)
    keys = [*keys_of(vlm, tmp_path), "MODEL.VLM.MAX_NEW_TOKENS", "256"]
    extract_vlm.main(["--config-file", CONFIG, "--split", "test", *keys])
    assert "2 answers:" in capfd.readouterr().out
    (row,) = evaluated(keys, tmp_path)["methods"].values()
    assert row["recall"]["no"]["R@50"] == 1  # it was taught all that is annotated


def changed_weights(folder, target):
    shutil.copytree(folder, target)
    state = load_file(target / "model.safetensors")
    first = sorted(state)[0]
    state[first] = state[first] + 1e-3
    save_file(state, target / "model.safetensors", metadata={"format": "pt"})
    return target


@pytest.mark.parametrize(
    "size, seen",
    [
        ((480, 270), (476, 280)),
        ((480, 360), (476, 364)),
        ((480, 320), (476, 308)),
        ((640, 480), (644, 476)),
        ((48, 32), (56, 28)),
    ],
)
def test_qwen_sees_images_resized_and_boxes_go_there_and_back(tmp_path, size, seen):
    make_qwen(tmp_path, ["a"])
    backend = build("Qwen2_5_VL", tmp_path)
    assert backend.processed_size(*size) == seen
    image = np.zeros((size[1], size[0], 3), np.uint8)
    grid = backend._chat.inputs([image], ["a"])["image_grid_thw"][0]
    assert (grid[2] * 14, grid[1] * 14) == seen
    round_trip(backend, size)
    small = build("Qwen2_5_VL", tmp_path, "MODEL.VLM.MAX_PIXELS", 28 * 28)
    assert small.processed_size(*size)[0] * small.processed_size(*size)[1] <= 28 * 28
    assert small.settings()["max_pixels"] == 28 * 28
    assert small._chat.inputs([image], ["a"])["image_grid_thw"].prod() == 4


def test_a_folder_as_the_hub_has_it(tmp_path):
    """Older files than save_pretrained writes today: preprocessor_config.json and chat_template.json."""
    new, old = make_qwen(tmp_path / "new", ["a"]), tmp_path / "old"
    shutil.copytree(new, old)
    (old / "processor_config.json").unlink()
    images = {
        "min_pixels": 3136,
        "max_pixels": 12845056,
        "patch_size": 14,
        "temporal_patch_size": 2,
        "merge_size": 2,
        "image_processor_type": "Qwen2VLImageProcessor",
        "processor_class": "Qwen2_5_VLProcessor",
    }
    (old / "preprocessor_config.json").write_text(json.dumps(images))
    template = (old / "chat_template.jinja").read_text()
    (old / "chat_template.jinja").unlink()
    (old / "chat_template.json").write_text(json.dumps({"chat_template": template}))
    backend = build("Qwen2_5_VL", old)
    assert backend.processed_size(480, 270) == (476, 280)
    assert backend.settings()["min_pixels"] == 3136
    assert backend._chat.ending == "<|im_end|>"
    assert backend.fingerprint() != build("Qwen2_5_VL", new).fingerprint()


@pytest.mark.parametrize("size, tiles", [((480, 270), (2, 1)), ((480, 360), (4, 3))])
def test_internvl_sees_tiles_and_boxes_go_there_and_back(tmp_path, size, tiles):
    make_internvl(tmp_path, ["a"], image=448)
    backend = build("InternVL", tmp_path)
    assert backend.processed_size(*size) == (448 * tiles[0], 448 * tiles[1])
    image = np.zeros((size[1], size[0], 3), np.uint8)
    pixels = backend._chat.inputs([image], ["a"])["pixel_values"]
    assert len(pixels) == tiles[0] * tiles[1] + 1  # and a thumbnail
    round_trip(backend, size)
    one = build("InternVL", tmp_path, "MODEL.VLM.MAX_PIXELS", 448 * 448)
    assert one.processed_size(*size) == (448, 448)
    assert len(one._chat.inputs([image], ["a"])["pixel_values"]) == 1


def build(name, folder, *opts):
    keys = ["MODEL.VLM.NAME", name, "MODEL.VLM.WEIGHTS", str(folder), "MODEL.DEVICE", "cpu", *opts]
    return VLM.build(get_vost_cfg(None, keys), dataset_name="tiny_test")


def round_trip(backend, size):
    frame = BoxFrame(backend.box_frame, size, backend.processed_size(*size))
    corners = np.random.default_rng(0).uniform(0, 1, (200, 2, 2)) * size
    boxes = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)
    there = frame.to_model(boxes)
    extent = (1000, 1000) if backend.box_frame == "norm1000" else backend.processed_size(*size)
    assert (there <= np.tile(extent, 2)).all()
    half = np.tile(np.array(size) / extent / 2, 2)
    assert (np.abs(frame.to_frame(there) - boxes) <= half + 1e-9).all()


def test_qwen3_differs_in_its_box_frame_and_patch(tmp_path):
    record = tiny_records(tmp_path / "frames", {"A.mp4": 1})[0]
    text = build_prompts("predcls", record, METADATA, box_frame="norm1000", processed_size=(64, 32))
    make_qwen(tmp_path / "w", [prompt.text for prompt in text], version="3")
    opts = ["MODEL.VLM.DTYPE", "float32", "MODEL.VLM.MAX_NEW_TOKENS", 8]
    backend = build("Qwen3_VL", tmp_path / "w", *opts)
    assert backend.box_frame == "norm1000" and backend.processed_size(48, 32) == (64, 32)
    image = np.random.default_rng(0).integers(0, 256, (32, 48, 3), dtype=np.uint8)
    requests = [(image, prompt) for prompt in text]
    assert backend.respond(requests) == one_by_one(backend, requests)


def test_half_precision_loads_and_answers(tmp_path):
    make_internvl(tmp_path, ["a question"])
    backend = build("InternVL", tmp_path, "MODEL.VLM.MAX_NEW_TOKENS", 2)
    assert backend.settings()["dtype"] == "bfloat16"
    record = tiny_records(tmp_path / "frames", {"A.mp4": 1})[0]
    prompts = build_prompts(
        "sgdet", record, METADATA, box_frame="norm1000", processed_size=(56, 56)
    )
    assert isinstance(backend.respond([(np.zeros((32, 48, 3), np.uint8), prompts[0])])[0], str)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_internvl(tmp_path_factory.mktemp("internvl") / "w", ["a"])


class TestErrors:
    def test_no_such_folder(self, tmp_path):
        with pytest.raises(
            ValueError, match="MODEL.VLM.WEIGHTS .*there is no such folder"
        ) as error:
            build("InternVL", tmp_path / "nowhere")
        assert "hub id such as Qwen/Qwen2.5-VL-7B-Instruct" in str(error.value)

    def test_a_hub_id_that_cannot_be_had(self):
        with pytest.raises(ValueError, match="MODEL.VLM.WEIGHTS nobody/nothing.*the hub") as error:
            build("InternVL", "nobody/nothing")
        assert "set the key to the folder" in str(error.value)

    def test_a_folder_without_weights(self, folder, tmp_path):
        shutil.copytree(folder, tmp_path / "w")
        (tmp_path / "w/model.safetensors").unlink()
        with pytest.raises(ValueError, match=r"there is no \*.safetensors in it"):
            build("InternVL", tmp_path / "w")

    def test_another_kind_of_model(self, folder):
        with pytest.raises(ValueError, match="holds a model of type 'internvl'.*MODEL.VLM.NAME"):
            build("Qwen2_5_VL", folder)

    def test_internvl_with_code_of_its_own(self, folder, tmp_path):
        shutil.copytree(folder, tmp_path / "w")
        (tmp_path / "w/config.json").write_text('{"model_type": "internvl_chat"}')
        with pytest.raises(ValueError, match="'-hf' conversion"):
            build("InternVL", tmp_path / "w")

    def test_an_unknown_type_of_numbers(self, folder):
        with pytest.raises(ValueError, match="MODEL.VLM.DTYPE 'int8' is none of bfloat16"):
            build("InternVL", folder, "MODEL.VLM.DTYPE", "int8")

    def test_limits_that_contradict_each_other(self, folder):
        with pytest.raises(ValueError, match="MODEL.VLM.MIN_PIXELS"):
            limits = ["MODEL.VLM.MIN_PIXELS", 5 * 56 * 56, "MODEL.VLM.MAX_PIXELS", 56 * 56]
            build("InternVL", folder, *limits)

    def test_a_folder_without_an_adapter(self, folder, tmp_path):
        with pytest.raises(
            ValueError, match="MODEL.VLM.ADAPTER .* there is no adapter_config.json"
        ):
            build("InternVL", folder, "MODEL.VLM.ADAPTER", str(tmp_path))
