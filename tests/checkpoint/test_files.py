import argparse

import pytest
import safetensors.torch
import torch

from vost_sgg.checkpoint import read_meta, read_state_dict, write_state_dict


class Unknown:
    pass


def test_oeds_files_are_read_with_their_arguments_as_plain_data(tmp_path):
    path = str(tmp_path / "checkpoint_22.pth")
    args = argparse.Namespace(lr=1e-4, dsgg_task="sgdet")
    torch.save({"model": {"a": torch.arange(3)}, "epoch": 22, "args": args}, path)
    assert read_state_dict(path)["a"].tolist() == [0, 1, 2]


def test_any_other_class_is_refused(tmp_path):
    path = str(tmp_path / "checkpoint.pth")
    torch.save({"model": {"a": torch.zeros(1)}, "args": Unknown()}, path)
    with pytest.raises(
        ValueError, match=r"checkpoint.pth cannot be read.*more than tensors and plain data"
    ):
        read_state_dict(path)


@pytest.mark.parametrize("kept", [0, 10, 0.5, 0.99])
def test_a_truncated_file_is_one_clear_error(tmp_path, kept):
    path = tmp_path / "checkpoint.pth"
    torch.save({"model": {"a": torch.zeros(1000)}}, path)
    data = path.read_bytes()
    path.write_bytes(data[: kept if isinstance(kept, int) else int(kept * len(data))])
    with pytest.raises(ValueError, match=r"checkpoint.pth cannot be read: it is cut short"):
        read_state_dict(str(path))


def test_missing_files_folders_and_files_without_weights_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing.pth"):
        read_state_dict(str(tmp_path / "nothing.pth"))
    with pytest.raises(IsADirectoryError, match="is a folder"):
        read_state_dict(str(tmp_path))
    torch.save({"model": [1, 2]}, tmp_path / "list.pth")
    with pytest.raises(ValueError, match="list.pth holds no state dict"):
        read_state_dict(str(tmp_path / "list.pth"))


def test_both_formats_are_written_whole_or_not_at_all(tmp_path):
    weights = {"a": torch.randn(2, 3), "b": torch.arange(4)}
    for name, load in (
        ("new/out.pth", lambda path: torch.load(path, weights_only=True)["model"]),
        ("new/out.safetensors", safetensors.torch.load_file),
    ):
        write_state_dict(weights, str(tmp_path / name))
        assert all(torch.equal(load(tmp_path / name)[key], value) for key, value in weights.items())
    with pytest.raises(ValueError, match="must end in .pth or .safetensors"):
        write_state_dict(weights, str(tmp_path / "out.bin"))
    with pytest.raises(Exception, match="pickle"):
        write_state_dict({"a": lambda: 0}, str(tmp_path / "bad.pth"))
    assert sorted(p.name for p in tmp_path.rglob("*.*")) == ["out.pth", "out.safetensors"]


@pytest.mark.parametrize("name", ["out.pth", "out.safetensors"])
def test_a_full_disk_is_named_and_the_old_file_stays(tmp_path, name):
    path = tmp_path / name
    path.write_text("old")
    (tmp_path / f"{name}.part").symlink_to("/dev/full")
    with pytest.raises(OSError, match=f"No space left on device: .*{name}"):
        write_state_dict({"a": torch.ones(2)}, str(path))
    assert [p.name for p in tmp_path.iterdir()] == [name] and path.read_text() == "old"


@pytest.mark.parametrize("name", ["out.pth", "out.safetensors"])
def test_what_the_weights_belong_to_is_found_again(tmp_path, name):
    path, meta = str(tmp_path / name), {"task": "sgdet", "own_predicate_heads": True}
    assert read_meta(path) == {}
    write_state_dict({"a": torch.zeros(2)}, path)
    assert read_meta(path) == {}
    write_state_dict({"a": torch.ones(2)}, path, meta=meta)
    assert read_meta(path) == meta
    assert read_state_dict(path)["a"].tolist() == [1, 1]
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:50])
    assert read_meta(path) == {}


def test_another_libraries_meta_is_none_of_ours(tmp_path):
    for content in ({"model": {}, "meta": "v2"}, [1, 2]):
        torch.save(content, tmp_path / "other.pth")
        assert read_meta(str(tmp_path / "other.pth")) == {}
