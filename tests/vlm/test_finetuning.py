"""LoRA fine-tuning: what is trained, on what, and that its adapter is written, resumed, shared, loaded and refused."""

import json
import shutil
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch
from detectron2.engine import launch
from safetensors.torch import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from transformers import (
    AutoModelForImageTextToText,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
)

from tests.tiny import register, tiny_records
from tests.vlm.distributed_finetuning import finetune
from tests.vlm.frames import METADATA, VOCABULARY
from tests.vlm.tiny_vlms import make_qwen, train_vlm
from tools import finetune_vlm
from vost_sgg.config import get_vost_cfg
from vost_sgg.vlm import VLM
from vost_sgg.vlm.adapter import add_lora
from vost_sgg.vlm.parser import AnswerParser
from vost_sgg.vlm.prompts import build_prompts
from vost_sgg.vlm.targets import IGNORED, TargetCollator, TargetDataset
from vost_sgg.vlm.writing import annotated_answer

CONFIG = "configs/vlm/qwen_predcls.yaml"
VIDEOS = {"A.mp4": 1, "B.mp4": 1}


@pytest.fixture(scope="module", params=["Qwen2_5_VL", "InternVL"])
def vlm(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    return train_vlm(request.param, folder / "weights", tiny_records(folder / "frames", VIDEOS))


@pytest.fixture(scope="module")
def qwen(tmp_path_factory):
    """Not trained, with frames."""
    folder = tmp_path_factory.mktemp("qwen")
    records = tiny_records(folder / "frames", VIDEOS)
    prompts = (
        build_prompts(task, r, METADATA, box_frame="resized_pixels", processed_size=(56, 28))
        for r in records
        for task in ("predcls", "sgcls", "sgdet")
    )
    make_qwen(folder / "weights", [p.text for some in prompts for p in some])
    return folder


def options(weights, output, *more, name="Qwen2_5_VL"):
    return [
        *("MODEL.VLM.NAME", name, "MODEL.VLM.WEIGHTS", str(weights), "OUTPUT_DIR", str(output)),
        *("DATASETS.TRAIN", "('tiny_train',)", "DATALOADER.NUM_WORKERS", "0"),
        *("MODEL.VLM.LORA.BATCH_SIZE", "2", "MODEL.VLM.LORA.LOG_STEPS", "1", *map(str, more)),
    ]


def command(opts, *flags):
    finetune_vlm.main(["--config-file", CONFIG, "--num-gpus", "0", *flags, *opts])


def adapter(output):
    return load_file(output / "lora_predcls/adapter_model.safetensors")


def test_on_the_real_7b_it_trains_the_paper_s_20_million_parameters():
    text = {
        "vocab_size": 152064,
        "hidden_size": 3584,
        "intermediate_size": 18944,
        "num_hidden_layers": 28,
        "num_attention_heads": 28,
        "num_key_value_heads": 4,
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": 1e6,
            "mrope_section": [16, 24, 24],
        },
    }
    vision = {
        "depth": 32,
        "hidden_size": 1280,
        "intermediate_size": 3420,
        "num_heads": 16,
        "out_hidden_size": 3584,
    }
    with torch.device("meta"):
        model = Qwen2_5_VLForConditionalGeneration(
            Qwen2_5_VLConfig(text_config=text, vision_config=vision, tie_word_embeddings=False)
        )
        assert sum(p.numel() for p in model.parameters()) == 8_292_166_656
        lora = get_vost_cfg().MODEL.VLM.LORA
        model = add_lora(model, rank=lora.RANK, alpha=lora.ALPHA, dropout=lora.DROPOUT)
    trained = {name: p.numel() for name, p in model.named_parameters() if p.requires_grad}
    assert sum(trained.values()) == 20_185_088
    assert all(".language_model.layers." in name and ".lora_" in name for name in trained)


def apart(box, other):
    return np.abs(np.subtract(box, other)).max()


class TestTargets:
    @pytest.fixture
    def chat(self, qwen):
        cfg = get_vost_cfg(None, options(qwen / "weights", "."))
        return VLM.get("Qwen2_5_VL").load_chat(cfg, str(qwen / "weights"))

    @pytest.fixture
    def records(self, qwen):
        return tiny_records(qwen / "frames", VIDEOS, write=False)

    @pytest.mark.parametrize("task, count", [("predcls", 4), ("sgcls", 2), ("sgdet", 2)])
    @pytest.mark.parametrize("box_frame", ["resized_pixels", "norm1000"])
    def test_they_are_the_annotation_as_it_is_asked_for(
        self, chat, records, task, count, box_frame
    ):
        dataset = TargetDataset(
            records, metadata=METADATA, task=task, box_frame=box_frame, chat=chat
        )
        assert len(dataset) == count
        parser, examples = AnswerParser(VOCABULARY), iter(dataset[i] for i in range(count))
        seen = {"box_frame": box_frame, "processed_size": chat.processed_size(48, 32)}
        for record in records:
            for prompt in build_prompts(task, record, METADATA, **seen):
                example = next(examples)
                assert example["prompt"] == prompt.text and example["image"].shape == (32, 48, 3)
                read = parser.parse(example["answer"], prompt)
                true = annotated_answer(prompt, record, VOCABULARY)
                assert set(read.issues) <= {"missing_group"}  # the tiny set has empty ones
                for got, wanted in zip(
                    sorted(read.relations, key=lambda r: r.row or 0), true.relations, strict=True
                ):
                    assert replace(got, box=None) == replace(wanted, box=None)
                    assert task != "sgdet" or apart(got.box, wanted.box) <= 32 / 28 / 2

    def test_labels_are_the_answers_and_their_ending_alone(self, chat, records):
        settings = {"metadata": METADATA, "task": "predcls", "box_frame": "resized_pixels"}
        dataset = TargetDataset(records, chat=chat, **settings)
        examples = [dataset[i] for i in range(4)]
        batch = TargetCollator(chat)(examples)
        labels, ids, mask = batch["labels"], batch["input_ids"], batch["attention_mask"]
        assert labels.shape == ids.shape == mask.shape == batch["mm_token_type_ids"].shape
        asked = chat.inputs([e["image"] for e in examples], [e["prompt"] for e in examples])
        length = asked["input_ids"].shape[1]
        assert torch.equal(ids[:, :length], asked["input_ids"])  # as it will be asked
        assert (labels[:, :length] == IGNORED).all()
        for row, example in enumerate(examples):
            kept = labels[row] != IGNORED
            assert chat.tokenizer.decode(labels[row][kept]) == example["answer"] + "<|im_end|>"
            assert torch.equal(labels[row][kept], ids[row][kept]) and mask[row][kept].all()
            assert mask[row, length:].sum() == kept.sum()


def test_an_adapter_is_trained_saved_loaded_and_changes_the_answers(vlm, tmp_path):
    """The model knows an answer to each prompt by heart; the adapter teaches it the first one for all."""
    before = vlm.backend()
    requests = vlm.requests(before)
    old = before.respond(requests)
    records = deepcopy(vlm.records)
    for record in records:
        for group in ("attention", "spatial", "contacting"):
            record[group] = np.tile(vlm.records[0][group][0], (2, 1))
    register("tiny_train", records)
    opts = options(
        *(vlm.folder, tmp_path, "MODEL.VLM.LORA.EPOCHS", 30, "MODEL.VLM.LORA.BASE_LR", 0.01),
        *("MODEL.VLM.LORA.BATCH_SIZE", 4, "MODEL.VLM.LORA.BATCH_PER_GPU", 4),
        *("MODEL.VLM.LORA.DROPOUT", 0.0, "MODEL.VLM.LORA.GRADIENT_CHECKPOINTING", False),
        name=vlm.name,
    )
    command(opts)
    state = adapter(tmp_path)
    assert all(".language_model." in name for name in state)
    assert not any("visual" in name or "vision" in name or "lm_head" in name for name in state)

    tuned = vlm.backend("MODEL.VLM.ADAPTER", tmp_path / "lora_predcls")
    assert tuned.tag == "weights+lora_predcls"
    assert tuned.fingerprint() != before.fingerprint()
    new = tuned.respond(requests)
    assert new == [old[0]] * 4 and old[0] not in old[1:]

    (curve,) = (tmp_path / "runs").iterdir()
    events = EventAccumulator(str(curve))
    events.Reload()
    losses = [event.value for event in events.Scalars("train/loss")]
    assert len(losses) == 30 and losses[-1] < losses[0] / 5


def test_merged_it_answers_as_on_top_of_the_model(qwen, tmp_path):
    from peft import PeftModel

    register("tiny_train", tiny_records(qwen / "frames", VIDEOS, write=False))
    command(options(qwen / "weights", tmp_path, "MODEL.VLM.LORA.BASE_LR", 0.05))
    folder = tmp_path / "lora_predcls"
    opts = [*options(qwen / "weights", tmp_path), "MODEL.DEVICE", "cpu"]
    opts += ["MODEL.VLM.ADAPTER", str(folder), "MODEL.VLM.DTYPE", "float32"]
    merged = VLM.build(get_vost_cfg(None, opts), dataset_name="")._model
    base = AutoModelForImageTextToText.from_pretrained(qwen / "weights").eval()
    ids = torch.arange(40)[None] + 300
    with torch.no_grad():
        plain = base(input_ids=ids).logits
        adapted = PeftModel.from_pretrained(base, folder).eval()(input_ids=ids).logits
        ours = merged(input_ids=ids).logits
    torch.testing.assert_close(ours, adapted, atol=1e-5, rtol=1e-4)
    assert (ours - plain).abs().max() > 1e-2
    assert json.loads((folder / "adapter_config.json").read_text())[
        "base_model_name_or_path"
    ] == str(qwen / "weights")


class TestRuns:
    """Resuming, several processes and their errors, on a model that knows nothing."""

    STEPS = ("MODEL.VLM.LORA.EPOCHS", 4, "MODEL.VLM.LORA.CHECKPOINT_STEPS", 2)

    @pytest.fixture(autouse=True)
    def data(self, qwen):
        register("tiny_train", tiny_records(qwen / "frames", VIDEOS, write=False))

    def test_resumed_it_ends_as_if_undisturbed(self, qwen, tmp_path, capfd):
        command(options(qwen / "weights", tmp_path / "whole", *self.STEPS))
        killed = tmp_path / "killed"
        shutil.copytree(tmp_path / "whole", killed)
        shutil.rmtree(killed / "lora_predcls")
        # Cut off while it was written: the trainer's state comes last.
        state = killed / "checkpoint-8/trainer_state.json"
        state.write_text(state.read_text()[:40])
        command(options(qwen / "weights", killed, *self.STEPS), "--resume")
        assert "checkpoint-6" in capfd.readouterr().out
        whole, resumed = adapter(tmp_path / "whole"), adapter(killed)
        assert all(torch.equal(whole[name], resumed[name]) for name in whole)

    def test_another_run_s_folder_is_refused(self, qwen, tmp_path, capfd):
        command(options(qwen / "weights", tmp_path, *self.STEPS))
        with pytest.raises(SystemExit) as stop:
            command(options(qwen / "weights", tmp_path, *self.STEPS))
        assert stop.value.code == 2
        assert "go on with --resume, or set another OUTPUT_DIR" in capfd.readouterr().err
        with pytest.raises(SystemExit):
            opts = options(qwen / "weights", tmp_path, *self.STEPS, "MODEL.VLM.LORA.RANK", 4)
            command(opts, "--resume")
        assert "a fine-tuning of other settings (lora)" in capfd.readouterr().err

    @pytest.mark.slow
    def test_two_processes_train_as_one_that_accumulates(self, qwen, tmp_path):
        more = (
            "MODEL.VLM.LORA.DROPOUT",
            0.0,
            "MODEL.VLM.LORA.BATCH_SIZE",
            4,
            "MODEL.DEVICE",
            "cpu",
        )
        one, two = (
            options(qwen / "weights", tmp_path / name, *self.STEPS, *more) for name in ("1", "2")
        )
        command(one)
        launch(finetune, 2, dist_url="auto", args=(qwen / "frames", VIDEOS, two))
        single, both = adapter(tmp_path / "1"), adapter(tmp_path / "2")
        for name in single:
            torch.testing.assert_close(single[name], both[name], atol=1e-5, rtol=1e-3)

    @pytest.mark.parametrize(
        "opts, message",
        [
            (("MODEL.VLM.NAME", "SimulatedVLM"), "SimulatedVLM has no weights to fine-tune"),
            (("MODEL.VLM.LORA.BATCH_PER_GPU", 3), "MODEL.VLM.LORA.BATCH_SIZE 2 is no multiple"),
            (("MODEL.VLM.ADAPTER", "x"), "MODEL.VLM.ADAPTER is set"),
            (("MODEL.VLM.NAME", "InternVL"), "holds a model of type 'qwen2_5_vl'"),
            (("DATASETS.TRAIN", "()"), "DATASETS.TRAIN"),
        ],
    )
    def test_bad_settings_end_in_one_line(self, qwen, tmp_path, capfd, opts, message):
        with pytest.raises(SystemExit) as stop:
            command([*options(qwen / "weights", tmp_path), *map(str, opts)])
        assert stop.value.code == 2
        assert message in capfd.readouterr().err.splitlines()[-1]

    def test_an_unreadable_image_ends_in_one_line(self, qwen, tmp_path, capfd):
        records = tiny_records(tmp_path / "frames", {"A.mp4": 2})
        (tmp_path / "frames/A.mp4/000008.png").write_bytes(b"no image")
        register("tiny_train", records)
        with pytest.raises(SystemExit):
            command(options(qwen / "weights", tmp_path / "output"))
        error = capfd.readouterr().err
        assert "error: " in error and "000008.png" in error.partition("error: ")[2]


@pytest.fixture(scope="module")
def adapter_folder(qwen, tmp_path_factory):
    output = tmp_path_factory.mktemp("adapter")
    register("tiny_train", tiny_records(qwen / "frames", VIDEOS, write=False))
    command(options(qwen / "weights", output))
    return output / "lora_predcls"


class TestOtherBases:
    """An adapter on weights that it was not trained on."""

    def load(self, weights, folder):
        opts = [*options(weights, "."), "MODEL.DEVICE", "cpu", "MODEL.VLM.ADAPTER", str(folder)]
        return VLM.build(get_vost_cfg(None, opts), dataset_name="")

    def other(self, folder, layers, width=128):
        torch.manual_seed(1)
        make_qwen(folder, ["a"], text={"num_hidden_layers": layers, "intermediate_size": width})
        return folder

    def test_it_says_which_base_it_is_of(self, qwen, adapter_folder, tmp_path):
        self.load(qwen / "weights", adapter_folder)
        weights = self.other(tmp_path / "w", 2)
        with pytest.raises(ValueError, match="is not one of MODEL.VLM.WEIGHTS") as error:
            self.load(weights, adapter_folder)
        assert f"it was trained on {qwen / 'weights'}" in str(error.value)

    @pytest.mark.parametrize("layers, width", [(1, 128), (3, 128), (2, 64)])
    def test_another_program_s_adapter_must_fit(self, adapter_folder, tmp_path, layers, width):
        foreign = tmp_path / "foreign"
        shutil.copytree(adapter_folder, foreign)
        (foreign / "trained_on.json").unlink()
        with pytest.raises(ValueError, match="is not one of MODEL.VLM.WEIGHTS"):
            self.load(self.other(tmp_path / "w", layers, width), foreign)

    def test_another_program_s_adapter_that_fits_is_used(self, adapter_folder, tmp_path, caplog):
        foreign = tmp_path / "foreign"
        shutil.copytree(adapter_folder, foreign)
        (foreign / "trained_on.json").unlink()
        weights = self.other(tmp_path / "renamed", 2)
        assert self.load(weights, foreign).tag == "renamed+foreign"
        assert "says that its base model is" in caplog.text
