"""Nothing waits for the device before the predictions leave it, nor within a training step. On a CPU nobody would
notice: the operators and calls whose result the host must have are refused.
"""

from pathlib import Path

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from vost_sgg.config import get_vost_cfg, stage_configs
from vost_sgg.engine.benchmark.inputs import (
    made_up_model,
    made_up_training_clips,
    made_up_video,
)
from vost_sgg.engine.benchmark.training import build_trainer
from vost_sgg.engine.benchmark.workload import Workload
from vost_sgg.modeling import meta_arch

ROOT = Path(__file__).parents[2]
SMALL = ["INPUT.MIN_SIZE_TEST", "64", "INPUT.MIN_SIZE_TRAIN", "(64,)"]
aten = torch.ops.aten
WAITING = {aten._local_scalar_dense, aten.item, aten.is_nonzero, aten.equal}
# The shape of their results depends on values.
WAITING |= {aten.nonzero, aten.masked_select, aten._unique2, aten.unique_dim}
INDEXING = {aten.index, aten.index_put, aten.index_put_}


class Waits(AssertionError):
    pass


class Copied(Exception):
    """A tensor was copied to the host."""


class NoWaiting(TorchDispatchMode):
    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        operator = func.overloadpacket
        # An index of bools is counted first.
        masked = operator in INDEXING and any(
            i is not None and i.dtype in (torch.bool, torch.uint8) for i in args[1]
        )
        if operator in WAITING or masked:
            raise Waits(str(func))
        return func(*args, **(kwargs or {}))


@pytest.fixture
def no_waiting(monkeypatch):
    """The mode; copies to the host raise ``Copied``."""

    def copied(*_):
        raise Copied

    for name in ("cpu", "tolist", "numpy", "__array__"):
        monkeypatch.setattr(torch.Tensor, name, copied)
    return NoWaiting()


def stages(name):
    return stage_configs(get_vost_cfg(str(ROOT / f"configs/sample/{name}.yaml"), SMALL))


@pytest.mark.parametrize("model", ["oed", "dsqi", "vost"])
@pytest.mark.parametrize("task", ["predcls", "sgcls", "sgdet"])
def test_a_video_waits_for_nothing_until_its_predictions_leave_the_device(
    model, task, no_waiting, monkeypatch
):
    cfg = list(stages(f"{model}_{task}").values())[-1]
    finished, video = made_up_model(cfg).eval(), made_up_video(cfg, 10, (96, 64))
    scene_graphs, ends = meta_arch.scene_graphs, []

    def noted(*args):
        ends.append(True)
        return scene_graphs(*args)

    monkeypatch.setattr(meta_arch, "scene_graphs", noted)
    with torch.no_grad(), pytest.raises(Copied), no_waiting:
        finished([video])
    assert ends


@pytest.mark.parametrize("model", ["oed", "vost"])
@pytest.mark.parametrize("stage", ["SPATIAL", "TEMPORAL"])
def test_a_training_step_where_nothing_is_matched_waits_for_nothing(model, stage, no_waiting):
    cfg = stages(f"{model}_predcls")[stage]
    workload = Workload(torch.device("cpu"), "float32", frames=1, size=(96, 64), repeats=1)
    clips = made_up_training_clips(cfg, 2, (96, 64))
    trainer = build_trainer(cfg, made_up_model(cfg), clips, workload)
    weights = [p for p in trainer.model.parameters() if p.requires_grad]
    before = [weight.detach().clone() for weight in weights]
    with no_waiting:
        trainer.run_step()
    assert not all(map(torch.equal, before, weights))


@pytest.mark.parametrize(
    "waits",
    [
        lambda x: x.max().item(),
        lambda x: bool((x > 0).all()),
        lambda x: x[x > 0],
        lambda x: x.nonzero(),
        lambda x: x.__setitem__(x > 0, torch.ones(2)),
        lambda x: x.tolist(),
        lambda x: torch.ones(int(x[0])),
    ],
)
def test_what_waits_is_noticed(waits, no_waiting):
    with pytest.raises((Waits, Copied)), no_waiting:
        waits(torch.tensor([1.0, 2.0, -1.0]))
