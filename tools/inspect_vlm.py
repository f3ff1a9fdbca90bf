"""Compares a VLM's stored answers with the annotation, class by class, and draws frames with both.

    python tools/inspect_vlm.py --config-file configs/sample/vlm_predcls.yaml --split test --num-frames 4

Config keys may follow the options. Of each picture the upper half is the annotation, the lower the answer.
"""

import argparse
import os
import random
import sys


def main(argv: list[str] | None = None) -> None:
    args = _parser().parse_args(argv)
    # Only now, so that --help needs no seconds.
    import yaml

    from vost_sgg.config import get_vost_cfg
    from vost_sgg.data.loaders import check_datasets
    from vost_sgg.data.mapper import FrameError
    from vost_sgg.engine.launching import import_parts, user_errors

    errors = (KeyError, ValueError, OSError, AssertionError, ImportError)
    with user_errors(*errors, FrameError, yaml.YAMLError):
        cfg = get_vost_cfg(args.config_file, args.opts)
        names = cfg.DATASETS[args.split.upper()]
        import_parts(cfg)
        import vost_sgg.data  # noqa: F401  registers the data sets

        check_datasets(names, f"DATASETS.{args.split.upper()}")
        for name in names:
            inspect(cfg, name, args.num_frames, args.output)


def inspect(cfg, name: str, num_frames: int, output: str | None) -> None:
    """Prints the table of one data set and writes its pictures."""
    from detectron2.data import DatasetCatalog, MetadataCatalog

    from vost_sgg.data.frames import frame_ground_truth
    from vost_sgg.vlm import AnswerCache, FrameAnswers, cache_folder
    from vost_sgg.vlm.agreement import Agreement
    from vost_sgg.vlm.extraction import videos_of
    from vost_sgg.vlm.words import Vocabulary

    cache = AnswerCache(cache_folder(cfg, name))
    vocabulary = Vocabulary.of(MetadataCatalog.get(name))
    agreement = Agreement(cfg.MODEL.TASK, vocabulary)
    shown = []
    for frames in videos_of(DatasetCatalog.get(name)):
        answers = cache.frames(frames[0]["video_id"])
        for record in frames:
            answer = answers.get(record["image_id"], FrameAnswers())
            agreement.add(frame_ground_truth(record), answer)
            shown.append((record, answer))
    print(f"{cache.folder}\n{agreement.table()}")
    print(
        f"{agreement.frames:,} frames, {agreement.frames_without_answer:,} without an answer, "
        f"{agreement.frames_without_person:,} without a person in it"
    )
    output = output or os.path.join(cfg.OUTPUT_DIR, "frames")
    for record, answer in random.Random(cfg.SEED).sample(shown, min(num_frames, len(shown))):
        draw(record, answer, cfg.MODEL.TASK, name, output)


def draw(record: dict, answer, task: str, dataset_name: str, output: str) -> None:
    """Writes one picture, named by the frame, into the folder ``output``."""
    import numpy as np
    from detectron2.data import MetadataCatalog
    from PIL import Image

    from vost_sgg.data.frames import frame_ground_truth
    from vost_sgg.data.mapper import read_frame
    from vost_sgg.visualization import draw_scene_graph
    from vost_sgg.vlm.cached_model import answered_graph
    from vost_sgg.vlm.words import Vocabulary

    metadata, truth = MetadataCatalog.get(dataset_name), frame_ground_truth(record)
    image = read_frame(record, "RGB")
    said = answered_graph(answer, truth, task, Vocabulary.of(metadata))
    halves = [draw_scene_graph(image, graph, metadata, max_pairs=100) for graph in (truth, said)]
    height = max(half.shape[0] for half in halves)
    padded = [
        np.pad(half, ((0, height - half.shape[0]), (0, 0), (0, 0)), constant_values=255)
        for half in halves
    ]
    os.makedirs(output, exist_ok=True)
    path = os.path.join(output, record["image_id"].replace("/", "_"))
    Image.fromarray(np.concatenate(padded)).save(path)
    print(path)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config-file", required=True, metavar="FILE", help="a YAML of configs/")
    parser.add_argument("--split", required=True, choices=["train", "test"], help="which DATASETS")
    parser.add_argument(
        "--num-frames", type=int, default=0, metavar="N", help="frames to draw (default: 0)"
    )
    parser.add_argument(
        "--output", metavar="DIR", help="folder of the pictures (default: OUTPUT_DIR/frames)"
    )
    parser.add_argument("opts", nargs=argparse.REMAINDER, metavar="KEY VALUE", help="config keys")
    return parser


if __name__ == "__main__":
    sys.exit(main())
