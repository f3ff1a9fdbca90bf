"""Draws a frame of a data set with its annotated scene graph, or all that a config's model is fed of it.

    python tools/visualize_data.py --dataset ag_sample_test --output frame.png
    python tools/visualize_data.py --dataset action_genome_test --image-id 001YG.mp4/000089.png --output frame.png
    python tools/visualize_data.py --config-file configs/sample/vost_predcls.yaml --index 5 --output clip.png
    python tools/visualize_data.py --config-file FILE --stage spatial --epoch 3 --output clip.png INPUT.RANDOM_FLIP none

With a config: the target and its references after augmentation; of a model that reads priors also the VLM's answer
about the target (tools/extract_vlm.py) and the region prompts that CLIP is shown. Config keys may follow the options.
"""

import argparse
import os
from collections.abc import Sequence


def main(argv: list[str] | None = None) -> None:
    """Writes one picture."""
    parser = _parser()
    args = parser.parse_args(argv)
    if args.opts and not args.config_file:
        parser.error(f"{args.opts[0]}: config keys need a --config-file")
    # Only now, so that --help needs no seconds.
    import yaml

    from vost_sgg.data.mapper import FrameError
    from vost_sgg.engine.launching import SETUP_ERRORS, user_errors

    with user_errors(*SETUP_ERRORS, AssertionError, FrameError, yaml.YAMLError):
        draw_clip(args) if args.config_file else draw_annotation(args)


def draw_annotation(args: argparse.Namespace) -> None:
    """Draws the chosen frame of ``--dataset`` as it is on disk."""
    from detectron2.data import MetadataCatalog

    import vost_sgg.data  # noqa: F401  registers the data sets
    from vost_sgg.data.frames import frame_ground_truth
    from vost_sgg.data.loaders import check_datasets, read_datasets
    from vost_sgg.data.mapper import read_frame
    from vost_sgg.visualization.draw import draw_scene_graph, save_picture

    check_datasets([args.dataset], "--dataset")
    records = read_datasets([args.dataset])[0]
    record = records[_position(records, args, args.dataset)]
    image, truth = read_frame(record, "RGB"), frame_ground_truth(record)
    save_picture(draw_scene_graph(image, truth, MetadataCatalog.get(args.dataset)), args.output)
    print(f"{record['image_id']} of {args.dataset}: {os.path.abspath(args.output)}")


def draw_clip(args: argparse.Namespace) -> None:
    """Draws the clip of the chosen frame of the config's split."""
    from vost_sgg.config import get_vost_cfg, stage_configs
    from vost_sgg.engine.fed_clip import FedClips
    from vost_sgg.engine.launching import import_parts
    from vost_sgg.visualization.draw import save_picture

    cfg = get_vost_cfg(args.config_file, args.opts)
    import_parts(cfg)
    stages = stage_configs(cfg)
    stage = args.stage.upper() or list(stages)[-1]
    if stage not in stages:
        names = ", ".join(name.lower() for name in stages)
        raise ValueError(f"--stage {args.stage}: the stages of {args.config_file} are {names}")
    clips = FedClips(stages[stage], args.split)
    position = _position(clips.records, args, f"the {args.split} split of {args.config_file}")
    save_picture(clips.draw(position, epoch=args.epoch), args.output)
    print(f"{clips.records[position]['image_id']}: {os.path.abspath(args.output)}")


def _position(records: Sequence[dict], args: argparse.Namespace, where: str) -> int:
    """Of the frame that the command line names."""
    if args.image_id is None:
        if not 0 <= args.index < len(records):
            raise ValueError(
                f"--index {args.index}: {where} has the frames 0 to {len(records) - 1}"
            )
        return args.index
    for position, record in enumerate(records):
        if record["image_id"] == args.image_id:
            return position
    raise ValueError(
        f"--image-id {args.image_id}: not among the {len(records)} frames of {where}; they are named like "
        f"{records[0]['image_id']}"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--dataset", default="ag_sample_test", help="name (default: %(default)s)")
    what.add_argument("--config-file", metavar="FILE", help="a YAML of configs/")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--index", type=int, default=0, help="row of the data set, from 0")
    which.add_argument("--image-id", help="such as 001YG.mp4/000089.png")
    parser.add_argument("--output", required=True, help="the picture to write (.png, .jpg)")
    clip = parser.add_argument_group("with a config")
    clip.add_argument(
        "--split",
        default="train",
        choices=["train", "test"],
        help="which DATASETS (default: %(default)s)",
    )
    clip.add_argument(
        "--stage", default="", metavar="NAME", help="of the config's stages (default: the last)"
    )
    clip.add_argument(
        "--epoch",
        type=int,
        default=0,
        metavar="N",
        help="of training, from 0: its augmentations and references (default: %(default)s)",
    )
    clip.add_argument("opts", nargs=argparse.REMAINDER, metavar="KEY VALUE", help="config keys")
    return parser


if __name__ == "__main__":
    main()
