"""From a command line to processes that train: arguments, device, logging, seeds, and errors in one line."""

import argparse
import importlib
import logging
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
import yaml
from detectron2.config import CfgNode
from detectron2.engine import default_setup, launch
from detectron2.utils import comm
from detectron2.utils.file_io import PathManager
from detectron2.utils.logger import setup_logger

from vost_sgg.config import get_vost_cfg
from vost_sgg.data.mapper import FrameError
from vost_sgg.errors import error_text
from vost_sgg.vlm import CacheError

# Exit status of a command that its user can put right.
USER_ERROR = 2
# What bad input raises while a run is being set up.
SETUP_ERRORS = (KeyError, ValueError, OSError, ImportError)
# What may go wrong in the middle of a training without a bug.
TRAINING_ERRORS = (FrameError, FloatingPointError, CacheError)


@contextmanager
def user_errors(*kinds: type[Exception], folder: str = "") -> Iterator[None]:
    """Ends the process with one line, ``error: ...``, where its body raises one of ``kinds``.

    Args:
        kinds: what bad input raises in the body; anything else is a bug and keeps its traceback.
        folder: where ``traceback.txt`` is written for whoever wants to know more; "" for nowhere.
    """
    try:
        yield
    except kinds as error:
        if folder:
            PathManager.mkdirs(folder)
            with PathManager.open(os.path.join(folder, "traceback.txt"), "w") as file:
                file.write(traceback.format_exc())
        # A loader's worker sends its error with the whole traceback, which ends with the error's own line.
        text = error_text(error).rpartition(f"{type(error).__name__}: ")[2]
        print("error:", " ".join(text.split()), file=sys.stderr, flush=True)
        sys.exit(USER_ERROR)


def with_available_device(cfg: CfgNode, num_gpus: int) -> tuple[CfgNode, str]:
    """``cfg`` for the machine it runs on, and a line about what was changed ("" if nothing was).

    Without a CUDA device, or with ``num_gpus`` 0, everything runs on the CPU; ``num_gpus`` processes then share it.

    Raises:
        ValueError: more GPUs are asked for than there are, or several processes on the CPU beside GPUs.
    """
    available = torch.cuda.device_count()
    if available and num_gpus > available:
        raise ValueError(f"--num-gpus {num_gpus}: this machine has {available} GPU(s)")
    if cfg.MODEL.DEVICE == "cpu":
        if available and num_gpus > 1:
            raise ValueError(
                f"--num-gpus {num_gpus}, but MODEL.DEVICE is cpu: set MODEL.DEVICE cuda"
            )
        return cfg, ""
    if available and num_gpus:
        return cfg, ""
    changed = cfg.clone()
    changed.defrost()
    changed.MODEL.DEVICE = "cpu"
    reason = "--num-gpus 0" if available else "no CUDA device found"
    return changed, f"{reason}: running on the CPU (MODEL.DEVICE was {cfg.MODEL.DEVICE})"


def import_parts(cfg: CfgNode) -> None:
    """Imports the modules of ``cfg.IMPORTS``, which register parts of the user's own; also from the working directory.

    Raises:
        ImportError: there is no such module; the message names the key.
    """
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    for module in cfg.IMPORTS:
        try:
            importlib.import_module(module)
        except ModuleNotFoundError as error:
            if error.name is None or not f"{module}.".startswith(f"{error.name}."):
                raise  # the module is there, and imports something that is not
            raise ImportError(
                f"IMPORTS: there is no module {module} in {os.getcwd()} or among the installed packages"
            ) from None


def setup(cfg: CfgNode, args: argparse.Namespace) -> None:
    """detectron2's ``default_setup``: logging, a copy of the config, seeds.

    The environment and the whole config, hundreds of lines, and the tracebacks of ``TRAINING_ERRORS`` go to
    ``OUTPUT_DIR/log.txt`` and not to the screen.
    """
    rank = comm.get_rank()
    logger = setup_logger(cfg.OUTPUT_DIR, distributed_rank=rank)
    setup_logger(cfg.OUTPUT_DIR, distributed_rank=rank, name="vost_sgg")
    screens = [handler for handler in logger.handlers if handler.stream is sys.stdout]
    for screen in screens:
        screen.setLevel(logging.WARNING)
        screen.addFilter(_is_no_training_error)
    default_setup(cfg, args)
    for screen in screens:
        screen.setLevel(logging.DEBUG)
    logger.info(f"environment, arguments and config: {cfg.OUTPUT_DIR}/log.txt and config.yaml")


def _is_no_training_error(record: logging.LogRecord) -> bool:
    """False for detectron2's traceback of an error that :func:`user_errors` says in one line."""
    return not (record.exc_info and isinstance(record.exc_info[1], TRAINING_ERRORS))


def launch_command(run: Callable, args: argparse.Namespace) -> CfgNode:
    """Calls ``run(cfg, args)`` in as many processes as asked for; a config that cannot be read is one line.

    Args:
        run: a function of a module.
        args: of a parser of :mod:`vost_sgg.command_lines`.

    Returns:
        The config, for the machine it ran on.
    """
    with user_errors(KeyError, ValueError, OSError, AssertionError, yaml.YAMLError):
        cfg = get_vost_cfg(args.config_file, args.opts)
        cfg, notice = with_available_device(cfg, args.num_gpus)
    if notice:
        print(notice, flush=True)
    cfg.freeze()
    launch_processes(run, cfg, args)
    return cfg


def launch_processes(main: Callable, cfg: CfgNode, args: argparse.Namespace) -> None:
    """Calls ``main(cfg, args)`` in ``args.num_gpus`` processes of this machine (one in this very process).

    When one of several ends with an exit status, so does this process, with the same one.
    """
    try:
        launch(
            main,
            max(1, args.num_gpus),
            num_machines=args.num_machines,
            machine_rank=args.machine_rank,
            dist_url=args.dist_url,
            args=(cfg, args),
        )
    except torch.multiprocessing.ProcessExitedException as error:
        if error.exit_code < 0:  # killed by a signal
            raise
        sys.exit(error.exit_code)
