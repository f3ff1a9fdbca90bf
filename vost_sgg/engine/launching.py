"""From a command line to processes that train: arguments, device, logging, seeds, and errors in one line."""

import argparse
import importlib
import logging
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

import torch
import yaml
from detectron2.config import CfgNode
from detectron2.engine import default_setup, launch
from detectron2.engine.launch import DEFAULT_TIMEOUT
from detectron2.utils import comm
from detectron2.utils.file_io import PathManager
from detectron2.utils.logger import setup_logger

from vost_sgg.config import get_vost_cfg
from vost_sgg.data.mapper import FrameError
from vost_sgg.errors import disk_error, error_text
from vost_sgg.vlm import CacheError

# Exit status of a command that its user can put right.
USER_ERROR = 2
# Exit status of a command one of whose processes was killed.
LOST_PROCESS = 3
# How long a process of an extraction waits for the others, whose shares may be hours of work when its own is done.
EXTRACTION_TIMEOUT = timedelta(days=30)
# What bad input raises while a run is being set up.
SETUP_ERRORS = (KeyError, ValueError, OSError, ImportError)
# What may go wrong in the middle of a training without a bug.
TRAINING_ERRORS = (FrameError, FloatingPointError, CacheError)


@contextmanager
def user_errors(*kinds: type[Exception], folder: str = "") -> Iterator[None]:
    """Ends the process with one line, ``error: ...``, where its body raises one of ``kinds`` or cannot write to a disk.

    Args:
        kinds: what bad input raises in the body; anything else is a bug and keeps its traceback.
        folder: where ``traceback.txt`` is written for whoever wants to know more; "" for nowhere.
    """
    try:
        yield
    except Exception as error:
        if not isinstance(error, kinds) and disk_error(error) is None:
            raise
        if folder:
            _write_traceback(folder)
        text = error_text(error)
        if "Traceback (most recent call last)" in text:
            # A loader's worker sends its error with the whole traceback, which ends with the error's own line.
            text = text.rpartition(f"{type(error).__name__}: ")[2]
        _say_error(text)
        sys.exit(USER_ERROR)


def _write_traceback(folder: str) -> None:
    text = traceback.format_exc()
    with suppress(OSError):  # the disk may be full; the error itself is said
        PathManager.mkdirs(folder)
        with PathManager.open(os.path.join(folder, "traceback.txt"), "w") as file:
            file.write(text)


def with_available_device(cfg: CfgNode, num_gpus: int) -> tuple[CfgNode, str]:
    """``cfg`` for the machine it runs on, and a line about what was changed ("" if nothing was).

    Without a CUDA device, or with ``num_gpus`` 0, everything runs on the CPU; ``num_gpus`` processes then share it.

    Raises:
        ValueError: more GPUs are asked for than there are, several processes on the CPU beside GPUs, or --num-gpus
            beside torchrun, which starts the processes itself.
    """
    available = torch.cuda.device_count()
    if torch.distributed.is_torchelastic_launched():
        if num_gpus > 1:
            raise ValueError(
                f"--num-gpus {num_gpus}: torchrun starts the processes, so say it there: --nproc_per_node {num_gpus}"
            )
        if available and num_gpus and cfg.MODEL.DEVICE != "cpu":
            num_gpus = int(os.environ["LOCAL_WORLD_SIZE"])
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
    # What a project's own modules log is shown as the library's is.
    for package in dict.fromkeys(
        ["vost_sgg", *(module.partition(".")[0] for module in cfg.IMPORTS)]
    ):
        setup_logger(cfg.OUTPUT_DIR, distributed_rank=rank, name=package)
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
    error = record.exc_info and record.exc_info[1]
    lost = is_lost_worker(error) or is_lost_peer(error)
    return not (error and (isinstance(error, TRAINING_ERRORS) or lost or disk_error(error)))


def launch_command(
    run: Callable, args: argparse.Namespace, *, timeout: timedelta = DEFAULT_TIMEOUT
) -> CfgNode:
    """Calls ``run(cfg, args)`` in as many processes as asked for; a config that cannot be read is one line.

    Args:
        run: a function of a module.
        args: of a parser of :mod:`vost_sgg.command_lines`.
        timeout: how long a process may wait for another.

    Returns:
        The config, for the machine it ran on.
    """
    with user_errors(KeyError, ValueError, OSError, AssertionError, yaml.YAMLError):
        cfg = get_vost_cfg(args.config_file, args.opts)
        cfg, notice = with_available_device(cfg, args.num_gpus)
    if notice:
        print(notice, flush=True)
    cfg.freeze()
    launch_processes(run, cfg, args, timeout=timeout)
    return cfg


def launch_processes(
    main: Callable,
    cfg: CfgNode,
    args: argparse.Namespace,
    *,
    timeout: timedelta = DEFAULT_TIMEOUT,
) -> None:
    """Calls ``main(cfg, args)`` in ``args.num_gpus`` processes of this machine (one in this very process), or, as a
    process that torchrun has started, joins the others.

    When one of several ends with an exit status, so does this process, with the same one; when one is lost, the others
    end with a message.
    """
    if torch.distributed.is_torchelastic_launched():
        _join_torchrun(cfg.MODEL.DEVICE, timeout)
        _run_beside_others(main, cfg, args)
        return
    try:
        launch(
            _run_beside_others,
            max(1, args.num_gpus),
            num_machines=args.num_machines,
            machine_rank=args.machine_rank,
            dist_url=args.dist_url,
            args=(main, cfg, args),
            timeout=timeout,
        )
    except torch.multiprocessing.ProcessExitedException as error:
        if error.exit_code < 0:
            name = error.signal_name or f"signal {-error.exit_code}"
            _say_error(
                f"process {error.error_index} of {args.num_gpus} was killed ({name}), and the others were stopped; "
                f"{_remedy(args)}"
            )
        sys.exit(LOST_PROCESS if error.exit_code < 0 else error.exit_code)


def _join_torchrun(device: str, timeout: timedelta) -> None:
    """Makes this process one of those that torchrun has started, on any number of machines."""
    local_rank, on_machine = (int(os.environ[f"LOCAL_{name}"]) for name in ("RANK", "WORLD_SIZE"))
    cuda = torch.device(device).type == "cuda"
    if cuda:
        torch.cuda.set_device(local_rank)
    torch.distributed.init_process_group("nccl" if cuda else "gloo", timeout=timeout)
    comm.create_local_process_group(on_machine)


def _run_beside_others(main: Callable, cfg: CfgNode, args: argparse.Namespace) -> None:
    try:
        # Wherever a command first writes: its parts name what else may go wrong in them.
        with user_errors(folder=cfg.OUTPUT_DIR):
            main(cfg, args)
    except RuntimeError as error:
        if is_lost_worker(error):
            # Not IMS_PER_BATCH: with another one --resume refuses to go on.
            lost = (
                "a worker process that reads the data was killed, often for lack of memory: lower "
                "DATALOADER.NUM_WORKERS or raise SOLVER.ACCUMULATION_STEPS"
            )
        elif is_lost_peer(error):
            lost = (
                f"process {comm.get_rank()} lost the connection to another process of this run, which has ended: what "
                "that one says is why"
            )
        else:
            raise
        _say_error(f"{lost}; {_remedy(args)}")
        if comm.get_world_size() == 1:
            sys.exit(LOST_PROCESS)
        # Not sys.exit: the process group's own clean-up would wait for who is gone.
        sys.stdout.flush()
        os._exit(LOST_PROCESS)


def is_lost_worker(error: BaseException) -> bool:
    """Whether a data loader's worker was killed."""
    return isinstance(error, RuntimeError) and str(error).startswith("DataLoader worker (pid")


def is_lost_peer(error: BaseException) -> bool:
    """Whether a collective operation failed since another process has ended."""
    if not isinstance(error, RuntimeError) or comm.get_world_size() == 1:
        return False
    return isinstance(error, torch.distributed.DistError) or "gloo" in str(error)


def _remedy(args: argparse.Namespace) -> str:
    """What goes on with the work of a command one of whose processes was lost."""
    if not hasattr(args, "resume"):
        return "the same command goes on"  # an extraction keeps what is finished
    if getattr(args, "eval_only", False):
        return "run the same command again"
    return "the same command with --resume goes on from the last checkpoint"


def _say_error(text: str) -> None:
    print("error:", " ".join(text.split()), file=sys.stderr, flush=True)
