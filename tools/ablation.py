"""Trains OED, DSQI and VOST-SGG with several seeds and compares them with the VLM alone and the frequency baseline.

    python tools/ablation.py --config-dir configs/sample --seeds 3
    python tools/ablation.py --config-dir configs/sample --seeds 3 --jobs 2    # two runs at once
    python tools/ablation.py --config-dir configs/sample --task sgdet --seeds 1
    python tools/ablation.py --config-dir configs/sample --models oed vost --seeds 1 SOLVER.BASE_LR 5e-4
    python tools/ablation.py --config-dir configs/sample --seeds 3 --table    # what is finished so far; runs nothing

The VLM's answers and their CLIP features are extracted first, once. Then every model is trained with seed 0, every one
with seed 1, and so on. It can be killed at any moment and run again: finished runs stay, and the one in flight goes on
from its last checkpoint. Config keys may follow the options: KEY VALUE KEY VALUE ... It prints the paper's Tab. 2 and
writes ablation.json, ablation.png and ablation.svg (docs/ablation.md).
"""

import argparse
import fcntl
import os
import shlex
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

MODELS = ("oed", "dsqi", "vost")
_RUNNING: set[subprocess.Popen] = set()


def main(argv: list[str] | None = None) -> int:
    parser = _parser()
    args = parser.parse_args(argv)
    if args.jobs < 1:
        parser.error(f"--jobs {args.jobs}: at least 1")
    # Only now, so that --help needs no seconds.
    import yaml

    from vost_sgg.engine.ablation import Ablation
    from vost_sgg.engine.launching import SETUP_ERRORS, user_errors

    with user_errors(*SETUP_ERRORS, AssertionError, yaml.YAMLError):
        ablation = Ablation(
            config_dir=args.config_dir,
            task=args.task,
            models=args.models,
            seeds=args.seeds,
            output_dir=args.output_dir or os.path.join("output", "ablation", args.task),
            opts=args.opts,
        )
        todo = [] if args.table else ablation.unfinished()
        os.makedirs(ablation.output_dir, exist_ok=True)
        lock = _locked(ablation.output_dir, wanted=bool(todo))
    with lock, user_errors(*SETUP_ERRORS):
        try:
            failed = run_all(ablation, todo, args.num_gpus, args.jobs, lock)
        except KeyboardInterrupt:
            failed = ["interrupted; the same command goes on"]
        report(ablation)
    for line in failed:
        print(f"error: {line}", file=sys.stderr)
    return 1 if failed else 0


def run_all(ablation, todo: list, num_gpus: int, jobs: int, lock) -> list[str]:
    """Makes the runs of ``todo``, ``jobs`` at once; returns a line about each that failed."""
    gpus = ["--num-gpus", str(num_gpus)]
    for tool, arguments in ablation.prior_commands(todo):
        status = run_tool(tool, [*arguments[:2], *gpus, *arguments[2:]], lock)
        if status:
            return [f"tools/{tool}.py ended with status {status}; what it said is above"]

    def make(number: int, run) -> int:
        print(f"\n[{number}/{len(todo)}] {run.name}: {run.folder}", flush=True)
        began = time.monotonic()
        run.note(finished=False)
        arguments = [*run.arguments[:2], *gpus, *run.arguments[2:]]
        status = run_tool("train_net", arguments, lock, label=run.name if jobs > 1 else "")
        if not status:
            run.note(finished=True)
            print(f"{run.name}: {(time.monotonic() - began) / 60:.1f} minutes", flush=True)
        return status

    failed, last_of = [], {run.seed: run for run in todo}
    with ThreadPoolExecutor(jobs) as pool:
        try:
            statuses = (pool.map if jobs > 1 else map)(make, range(1, len(todo) + 1), todo)
            for run, status in zip(todo, statuses, strict=True):
                if status:
                    line = f"{run.name} ended with status {status}; its log: {run.folder}/log.txt"
                    failed.append(line)
                # All models have this seed: a table of what there is so far. The caller prints the last one.
                elif run is last_of[run.seed] and run.seed is not None and run is not todo[-1]:
                    report(ablation)
        except BaseException:
            # The runs in flight end with this process, and no other begins.
            pool.shutdown(wait=False, cancel_futures=True)
            for process in list(_RUNNING):
                process.terminate()
            raise
    return failed


def run_tool(tool: str, arguments: list[str], lock, label: str = "") -> int:
    """Runs a tool of this folder as its user would; returns its exit status.

    With a ``label`` it is one of several at once: it has one thread, and the label stands before its lines.
    """
    print(f"$ python tools/{tool}.py {shlex.join(arguments)}", flush=True)
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), f"{tool}.py")
    pipe = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True} if label else {}
    process = subprocess.Popen(
        [sys.executable, path, *arguments],
        # It holds the lock too: should it outlive this process, nobody else writes into its folder.
        pass_fds=[lock.fileno()],
        env={"OMP_NUM_THREADS": "1", **os.environ} if label else None,
        **pipe,
    )
    _RUNNING.add(process)
    for line in process.stdout or ():
        print(f"{label} | {line}", end="", flush=True)
    status = process.wait()
    _RUNNING.remove(process)
    return status


def report(ablation) -> None:
    """Prints the table of what is finished and writes the files."""
    from vost_sgg.evaluation.ablation import ablation_rules, ablation_table
    from vost_sgg.evaluation.results import write_results
    from vost_sgg.visualization.ablation_plot import plot_ablation

    document = ablation.document()
    if document is None:
        print(f"{ablation.output_dir}: no model is finished")
        return
    write_results(document, ablation.path)
    stem = os.path.join(ablation.output_dir, "ablation")
    pictures = plot_ablation(document, stem, title=ablation_rules(document))
    print(
        f"\n{ablation_table(document)}\nwritten: {', '.join([ablation.path, *pictures])}",
        flush=True,
    )


def _locked(folder: str, *, wanted: bool):
    """An open file that, if ``wanted``, is locked while this process or a run that it started lives."""
    file = open(os.path.join(folder, ".lock"), "w")
    try:
        if wanted:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ValueError(
            f"another ablation, or a run that it started, writes into {folder}: wait for its end, or name another "
            "--output-dir"
        ) from None
    return file


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--config-dir", required=True, metavar="DIR", help="has <model>_<task>.yaml; configs/sample"
    )
    parser.add_argument("--task", default="predcls", choices=("predcls", "sgcls", "sgdet"))
    parser.add_argument(
        "--models", nargs="+", default=MODELS, metavar="NAME", help="default: oed dsqi vost"
    )
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="0 to N - 1 (default: 3)")
    parser.add_argument(
        "--output-dir", metavar="DIR", help="of all that is written (default: output/ablation/TASK)"
    )
    parser.add_argument(
        "--num-gpus", type=int, default=1, metavar="N", help="of each run, as in train_net.py"
    )
    parser.add_argument(
        "--jobs",
        type=int,
        default=1,
        metavar="N",
        help="runs at once, of one thread each: small models do not make use of more (default: 1, of all cores)",
    )
    parser.add_argument(
        "--table", action="store_true", help="print what is finished so far, run nothing"
    )
    parser.add_argument("opts", nargs=argparse.REMAINDER, metavar="KEY VALUE", help="config keys")
    return parser


if __name__ == "__main__":
    # As Ctrl-C does: the run in flight ends with this process.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    sys.exit(main())
