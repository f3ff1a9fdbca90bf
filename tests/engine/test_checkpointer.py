"""Checkpoints: whole files only, plain data only, and refusal of weights that do not fit."""

import argparse
import os
import pickle

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn

from vost_sgg.engine.checkpointer import SGGCheckpointer

META = {"task": "predcls", "meta_architecture": "Net"}


def make_model(width=3):
    return nn.ModuleDict({"backbone": nn.Linear(4, width), "head": nn.Linear(width, 2)})


def checkpointer(folder, model=None, meta=META, **options):
    return SGGCheckpointer(model or make_model(), str(folder), meta=meta, **options)


def equal(model, other):
    return all(
        torch.equal(a, b) for a, b in zip(model.parameters(), other.parameters(), strict=True)
    )


def test_what_is_saved_is_loaded(tmp_path):
    model, copy = make_model(), make_model()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.5)
    model["head"](model["backbone"](torch.ones(4))).sum().backward()
    optimizer.step()
    checkpointer(tmp_path, model, optimizer=optimizer).save("model_final")
    restored = torch.optim.AdamW(copy.parameters(), lr=0.1)
    extra = checkpointer(tmp_path, copy, optimizer=restored).resume_or_load("", resume=True)
    assert equal(model, copy)
    assert str(restored.state_dict()) == str(optimizer.state_dict())
    assert extra["meta"] == META
    assert len(extra["random_state"]) == 1
    assert sorted(os.listdir(tmp_path)) == ["last_checkpoint", "model_final.pth"]


def test_an_interrupted_write_leaves_the_former_checkpoint(tmp_path, monkeypatch):
    model = make_model()
    writer = checkpointer(tmp_path, model)
    writer.save("model_final")

    def half(data, file):
        file.write(b"PK half")
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", half)
    with pytest.raises(KeyboardInterrupt):
        writer.save("model_final")
    with pytest.raises(KeyboardInterrupt):
        writer.save("model_other")
    copy = make_model()
    checkpointer(tmp_path, copy).resume_or_load("", resume=True)
    assert equal(model, copy)
    assert not (tmp_path / "model_other.pth").exists()


def test_an_earlier_trainings_checkpoint_is_not_gone_back_to(tmp_path):
    model = make_model()
    writer = checkpointer(tmp_path, model)
    writer.save("model_0000005")
    os.utime(tmp_path / "model_0000005.pth", (1, 1))
    writer.start_anew()
    for name in ("model_0000002", "model_final"):
        writer.save(name)

    def loaded():
        return checkpointer(tmp_path).load_newest(lambda meta, path: None)[0]

    (tmp_path / "model_final.pth").write_bytes(b"cut")
    assert loaded() == str(tmp_path / "model_0000002.pth")
    (tmp_path / "model_0000002.pth").write_bytes(b"cut")
    with pytest.raises(ValueError, match="model_0000002.pth cannot be read"):
        loaded()


def test_safetensors_and_files_of_model_zoos_are_read(tmp_path):
    model = make_model()
    safetensors.torch.save_file(model.state_dict(), tmp_path / "weights.safetensors")
    arrays = {name: value.numpy() for name, value in model.state_dict().items()}
    content = {"model": arrays, "__author__": "torchvision", "matching_heuristics": True}
    (tmp_path / "R-50.pkl").write_bytes(pickle.dumps(content))
    torch.save({"epoch": 1, "model_state": model.state_dict()}, tmp_path / "pycls.pyth")
    for name in ("weights.safetensors", "R-50.pkl", "pycls.pyth"):
        copy = make_model()
        checkpointer(tmp_path, copy, strict=True).load(str(tmp_path / name))
        assert equal(model, copy)


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("cut.pth", lambda path: path.write_bytes(path.read_bytes()[:200]), "cut short, damaged"),
        ("empty.pth", lambda path: path.write_bytes(b""), "cut short, damaged"),
        ("cut.pyth", lambda path: path.write_bytes(path.read_bytes()[:200]), "cut short, damaged"),
        ("other.pyth", lambda path: None, "not one of pycls"),
        ("cut.safetensors", lambda path: path.write_bytes(b"\x08\0"), "cut short, damaged"),
        ("cut.pkl", lambda path: path.write_bytes(pickle.dumps({"model": 1})[:-3]), "cut short"),
        (
            "other.pkl",
            lambda path: path.write_bytes(pickle.dumps([1])),
            "not one of detectron2's model zoo",
        ),
        (
            "code.pkl",
            lambda path: path.write_bytes(pickle.dumps(os.system)),
            "posix.system|nt.system",
        ),
        (
            "args.pth",
            lambda path: torch.save({"model": {}, "args": argparse.Namespace(lr=1)}, path),
            "holds more than tensors and plain data",
        ),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path, name, content, message):
    path = tmp_path / name
    torch.save(make_model().state_dict(), path)
    content(path)
    with pytest.raises(ValueError, match=rf"{name}.*({message})"):
        checkpointer(tmp_path).load(str(path))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none.pth \(MODEL.WEIGHTS or last_checkpoint\)"):
        checkpointer(tmp_path).load(str(tmp_path / "none.pth"))
    (tmp_path / "last_checkpoint").write_text("model_0000007.pth")
    with pytest.raises(FileNotFoundError, match="model_0000007.pth"):
        checkpointer(tmp_path).resume_or_load("", resume=True)


@pytest.mark.parametrize("key, value", [("task", "sgdet"), ("meta_architecture", "Another")])
def test_weights_of_another_task_or_architecture_are_refused(tmp_path, key, value):
    checkpointer(tmp_path, make_model(width=5), meta=META | {key: value}).save("model_final")
    named = {"task": "MODEL.TASK", "meta_architecture": "MODEL.META_ARCHITECTURE"}[key]
    with pytest.raises(
        ValueError,
        match=f"model_final.pth was made with {named} {value}, this config has {META[key]}",
    ):
        checkpointer(tmp_path).load(str(tmp_path / "model_final.pth"))


SWAPPED = META | {"decoder": "New", "temporal_aggregator": "NoAggregation"}


def part_swapped(folder):
    """A checkpoint of another decoder, whose weights the model ("extra") has and the file has not."""
    checkpointer(folder, meta=SWAPPED | {"decoder": "Old"}).save("model_final")
    model = make_model()
    model["extra"] = nn.Linear(5, 3)
    return str(folder / "model_final.pth"), model


def test_a_swapped_part_is_named_and_its_fresh_numbers_counted(tmp_path, caplog):
    path, model = part_swapped(tmp_path)
    loading = checkpointer(tmp_path, model, meta=SWAPPED)
    caplog.set_level("INFO", logger=loading.logger.name)
    loading.logger.addHandler(
        caplog.handler
    )  # a command of another test may have cut its parents off
    loading.load(path)
    loading.logger.removeHandler(caplog.handler)
    (said,) = {r.getMessage() for r in caplog.records if r.levelname == "WARNING"}
    swapped = "(it was made with MODEL.SPO_DECODER.NAME Old, this config has New)"
    assert said == (
        f"checkpoint {path} {swapped}: 2 of 6 tensors of this model (18 numbers) are not in it and start fresh: "
        "extra.weight, extra.bias"
    )


def test_a_swapped_part_is_not_evaluated_nor_loaded_into_another_size(tmp_path):
    path, model = part_swapped(tmp_path)
    said = "made with MODEL.SPO_DECODER.NAME Old, this config has New"
    with pytest.raises(ValueError, match=f"model_final.pth was {said}: it cannot be evaluated"):
        checkpointer(tmp_path, meta=SWAPPED, strict=True).load(path)
    with pytest.raises(ValueError, match=rf"another shape.* \(it was {said}\)"):
        checkpointer(tmp_path, make_model(width=5), meta=SWAPPED).load(path)


def test_a_checkpoint_that_says_less_is_loaded(tmp_path):
    checkpointer(tmp_path).save("model_final")
    checkpointer(tmp_path, meta=SWAPPED, strict=True).load(str(tmp_path / "model_final.pth"))


def test_a_check_of_the_origin_comes_before_the_weights(tmp_path):
    checkpointer(tmp_path, make_model(width=5)).save("model_final")

    def check(meta):
        raise KeyError(meta["task"])

    with pytest.raises(KeyError, match="predcls"):
        checkpointer(tmp_path).load(str(tmp_path / "model_final.pth"), check=check)


def test_weights_of_another_size_are_one_error(tmp_path):
    checkpointer(tmp_path, make_model(width=5)).save("model_final")
    with pytest.raises(
        ValueError, match=r"3 parameter\(s\) have another shape.*\(5, 4\) in the file, \(3, 4\)"
    ):
        checkpointer(tmp_path).load(str(tmp_path / "model_final.pth"))


def test_a_backbone_alone_starts_a_training_but_is_not_evaluated(tmp_path):
    model = make_model()
    backbone = {k: v for k, v in model.state_dict().items() if k.startswith("backbone")}
    torch.save(backbone, tmp_path / "backbone.pth")
    copy = make_model()
    checkpointer(tmp_path, copy).load(str(tmp_path / "backbone.pth"))
    assert torch.equal(copy["backbone"].weight, model["backbone"].weight)
    with pytest.raises(
        ValueError, match=r"backbone.pth lacks 2 parameter\(s\) of this model, the first head"
    ):
        checkpointer(tmp_path, strict=True).load(str(tmp_path / "backbone.pth"))


def test_numpy_weights_are_no_plain_tensors(tmp_path):
    torch.save({"model": {"w": np.zeros(3)}}, tmp_path / "numpy.pth")
    with pytest.raises(ValueError, match="numpy.pth cannot be read"):
        checkpointer(tmp_path).load(str(tmp_path / "numpy.pth"))
