"""One process of several that torchrun starts (``--module tests.engine.torchrun_run DATA FOLDER ARGUMENT ...``), or,
without its launcher, the command with the environment that it sets.
"""

import os
import sys
from pathlib import Path

import torch
from detectron2.utils import comm

from tests.sudden_death import die, on_call
from tests.tiny import register, tiny_records
from tools import train_net
from vost_sgg.engine.accumulation import AccumulationTrainer

VIDEOS = {"A.mp4": 5, "B.mp4": 1}


def register_records(data: Path, write: bool = False) -> list[dict]:
    """Frames of one size; every other one has one pair, so that the processes have different numbers of them."""
    records = tiny_records(data, VIDEOS, (64, 48), write=write)
    for record in records[::2]:
        for name in ("pairs", "attention", "spatial", "contacting"):
            record[name] = record[name][:1]
    register("tiny_train", records)
    register("tiny_test", records)
    return records


def record_losses(folder: Path) -> None:
    """Every step's losses, averaged over the processes, are appended to FOLDER/losses."""
    write_metrics = AccumulationTrainer._write_metrics

    def recorded(self, losses, *args):
        reduced = comm.reduce_dict({k: v.detach().clone() for k, v in losses.items()})
        if comm.is_main_process():
            with open(folder / "losses", "a") as file:
                file.write(f"{sum(reduced.values()).item():.9g}\n")
        return write_metrics(self, losses, *args)

    AccumulationTrainer._write_metrics = recorded


def run(
    rank: int, size: int, port: int, data: Path, folder: Path, dies_at: int, argv: list[str]
) -> None:
    """The command of one process; the last one kills itself in step ``dies_at`` (from 1; 0: it does not)."""
    if size > 1:
        local = {"LOCAL_RANK": rank, "LOCAL_WORLD_SIZE": size}
        meeting = {"MASTER_ADDR": "localhost", "MASTER_PORT": port}
        names = {"RANK": rank, "WORLD_SIZE": size, **local, **meeting}
        os.environ |= {name: str(value) for name, value in names.items()}
        os.environ["TORCHELASTIC_RUN_ID"] = "a test"
    if dies_at and rank == size - 1:
        AccumulationTrainer.run_step = on_call(dies_at, die, AccumulationTrainer.run_step)
    folder.mkdir(exist_ok=True)
    with open(folder / f"errors{rank}", "w") as errors:
        os.dup2(errors.fileno(), 2)
        train(data, folder, argv)


def train(data: Path, folder: Path, argv: list[str]) -> None:
    torch.set_num_threads(1)
    register_records(data)
    folder.mkdir(exist_ok=True)
    record_losses(folder)
    train_net.main(argv)


if __name__ == "__main__":
    train(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
