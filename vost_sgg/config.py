"""Every key that this library adds to detectron2's config, with its meaning, unit and source."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import yaml
from detectron2.config import CfgNode, get_cfg
from detectron2.utils.file_io import PathManager

from vost_sgg.registry import nearest


def add_vost_config(cfg: CfgNode) -> None:
    """Adds this library's keys to ``cfg``, in place. Defaults are OED's PredCLS, spatial stage."""
    _add_model(cfg)
    _add_training(cfg)


def _add_model(cfg: CfgNode) -> None:
    m = cfg.MODEL
    # OneStageSGG | CachedVLM (configs/vlm) | RegionTextCLIP (configs/sample/clip.yaml) | DETRDetector (the optional
    # first stage; of the keys below it reads those of the backbone, the image encoder, the transformer, the decoder's
    # depth, NUM_QUERIES, the costs and the losses of class and box).
    m.META_ARCHITECTURE = "OneStageSGG"
    # What is given: predcls (boxes and classes of the pairs), sgcls (boxes), sgdet (nothing). Read by the evaluator,
    # the prompts and both caches, and written into checkpoints; no module of OneStageSGG asks for it: what differs by
    # task is a registered part.
    m.TASK = "predcls"
    # Sizes of the vocabulary: object classes with the person; predicates of attention, spatial, contacting.
    m.NUM_OBJECT_CLASSES = 36
    m.NUM_PREDICATES = (3, 6, 17)
    # ImageNet statistics, RGB, in [0, 255] (as torchvision and DETR).
    m.PIXEL_MEAN = [123.675, 116.28, 103.53]
    m.PIXEL_STD = [58.395, 57.12, 57.375]

    # The slim backbone of the sample configs (build_slim_resnet_backbone): output channels of each stage.
    m.SLIM_RESNET = CfgNode()
    m.SLIM_RESNET.CHANNELS = (32, 64, 128)

    # Shared by the image encoder and the decoders (as DETR: post-norm, ReLU).
    m.TRANSFORMER = CfgNode()
    m.TRANSFORMER.D_MODEL = 256
    m.TRANSFORMER.NUM_HEADS = 8
    m.TRANSFORMER.DIM_FEEDFORWARD = 2048
    m.TRANSFORMER.DROPOUT = 0.1

    m.IMAGE_ENCODER = CfgNode()
    m.IMAGE_ENCODER.NAME = "TransformerImageEncoder"
    m.IMAGE_ENCODER.NUM_LAYERS = 6
    # The backbone feature that is encoded; with a ResNet it must be named in MODEL.RESNETS.OUT_FEATURES too.
    m.IMAGE_ENCODER.IN_FEATURE = "res5"
    # Of the sine positions, as DETR; a lower one (DAB-DETR: 20) leaves no channel nearly constant.
    m.IMAGE_ENCODER.TEMPERATURE = 10000.0

    m.QUERY_INITIALIZER = CfgNode()
    m.QUERY_INITIALIZER.NAME = "PairPriorQueries"
    # PairPriorQueries, DualSourceQueries: classes (the annotated pairs and their classes are given: PredCLS) | boxes
    # (SGCLS) | nothing (SGDET; DualSourceQueries only).
    m.QUERY_INITIALIZER.GIVEN = "classes"
    # LearnedQueries, DualSourceQueries with learned positions: slots of a frame, N.
    m.QUERY_INITIALIZER.NUM_QUERIES = 100
    # DualSourceQueries, "where" (Eq. 6): pair_boxes (OED's code of the given boxes) | learned (W) | sum of both.
    m.QUERY_INITIALIZER.POSITION = "pair_boxes"
    # DualSourceQueries where nothing is given: put the VLM's pairs into random slots of the N when training.
    m.QUERY_INITIALIZER.SHUFFLE = False

    # What parts that read priors are given (DualSourceQueries, FeatureBankEncoder): the VLM's answers in CLIP's space.
    m.PRIORS = CfgNode()
    # Width of CLIP's embeddings of text and of regions; 512 for ViT-B/32.
    m.PRIORS.DIM = 512
    # Where the features of tools/extract_clip.py lie:
    # <CACHE>/<data set>/<VLM's tag>/<task>/<CLIP>-<region mode>-<resize>/.
    m.PRIORS.CACHE = "./output/priors"
    # Probability that a training frame's answer is withheld, as if the VLM had failed on it: for a model that is to
    # work without answers too. 0 in the paper, as far as it says.
    m.PRIORS.WITHHOLD = 0.0
    # Frames of one video whose regions pass CLIP in one forward.
    m.PRIORS.FRAMES_PER_BATCH = 16
    m.PRIORS.CLIP = CfgNode()
    # A model of open_clip (the weights of OpenAI need the "quickgelu" one), or tiny: the small one of the sample data
    # set, which configs/sample/clip.yaml trains.
    m.PRIORS.CLIP.NAME = "ViT-B-32-quickgelu"
    # A file, a tag of open_clip (downloaded), or random.
    m.PRIORS.CLIP.WEIGHTS = "openai"
    # squash (the whole picture into CLIP's square) | shortest (CLIP's standard, which cuts off what is not in the
    # centre: 44 % of the width of 480 x 270 pixels).
    m.PRIORS.CLIP.RESIZE = "squash"
    # The text that stands for a class, {} for its name, such as "a photo of a {}"; "": the name alone.
    m.PRIORS.CLIP.OBJECT_TEXT = ""
    m.PRIORS.CLIP.PREDICATE_TEXT = ""
    # How CLIP is shown a region: overlay (the frame, covered outside of the box by a translucent colour; Sec. 4.1, as
    # SSG) | crop | blur. Colour of the overlay in RGB, and its opacity in 0 to 255.
    m.PRIORS.REGION = CfgNode()
    m.PRIORS.REGION.MODE = "overlay"
    m.PRIORS.REGION.COLOUR = (255, 105, 180)
    m.PRIORS.REGION.ALPHA = 128

    # Where a given object class's embedding comes from: glove (word vectors read from PATH when training starts, then
    # part of the checkpoint; OED), clip (open_clip text tower CLIP_MODEL with weights PATH, likewise), learned (a
    # trained table). There is no default file: GloVe must be had from its authors.
    m.CLASS_EMBEDDING = CfgNode()
    m.CLASS_EMBEDDING.SOURCE = "glove"
    m.CLASS_EMBEDDING.DIM = 200
    m.CLASS_EMBEDDING.PATH = ""
    m.CLASS_EMBEDDING.CLIP_MODEL = "ViT-B-32-quickgelu"

    m.SPO_DECODER = CfgNode()
    m.SPO_DECODER.NAME = "CascadedDecoder"
    # Layers of each of the two decoders: 3 in PredCLS and SGCLS, 6 in SGDET (as OED).
    m.SPO_DECODER.NUM_LAYERS = 3

    # What the predicate decoder attends to: "" (the image memory F, as OED) | FeatureBankEncoder (F^MM, Eq. 4).
    m.MULTIMODAL_ENCODER = CfgNode()
    m.MULTIMODAL_ENCODER.NAME = ""
    # Layers of its own, and the width of their feed-forward. The paper gives neither; these fit its count of SGDET.
    m.MULTIMODAL_ENCODER.NUM_LAYERS = 6
    m.MULTIMODAL_ENCODER.DIM_FEEDFORWARD = 1024
    # The image encoder's layers, with their weights, in place of its own; the two keys above are then not read. It fits
    # the paper's count of PredCLS.
    m.MULTIMODAL_ENCODER.SHARE_IMAGE_ENCODER = False
    # How its own layers start: xavier | image_encoder (as copies of the image encoder's pre-trained layers, when a
    # training begins from MODEL.WEIGHTS; of the same number and width then).
    m.MULTIMODAL_ENCODER.INIT = "xavier"
    # The tokens of a pair (Eq. 9): text (3), visual (3), spatial (1).
    m.MULTIMODAL_ENCODER.MODALITIES = ("text", "visual", "spatial")

    m.HEADS = CfgNode()
    # Predict whether the subject of a slot is the person (SGCLS, whose slots are all ordered pairs of boxes).
    m.HEADS.SUBJECT_CLASS = False

    # NoAggregation (spatial stage) | ProgressiveRefinement (OED's temporal stage).
    m.TEMPORAL_AGGREGATOR = CfgNode()
    m.TEMPORAL_AGGREGATOR.NAME = "NoAggregation"
    # Which reference slots a slot may attend to: score (the surest: SGDET, SGCLS) | label (of its own class: PredCLS).
    m.TEMPORAL_AGGREGATOR.SELECT = "label"
    # Share of the valid reference slots that each layer sees; one layer each (80R, 50R, 30R of OED's 100R). With SELECT
    # label only their number counts.
    m.TEMPORAL_AGGREGATOR.KEEP_RATIOS = (0.8, 0.5, 0.3)
    # Whether the temporal phase has predicate heads of its own (SGDET) or uses the spatial phase's (PredCLS, SGCLS;
    # as OED's checkpoints were trained).
    m.TEMPORAL_AGGREGATOR.OWN_PREDICATE_HEADS = False

    m.MATCHER = CfgNode()
    m.MATCHER.NAME = "IdentityMatcher"
    # HungarianMatcher: weights of the costs (Eq. 11).
    m.MATCHER.OBJECT_COST = 1.0
    m.MATCHER.PREDICATE_COST = 1.0
    m.MATCHER.L1_COST = 2.5
    m.MATCHER.GIOU_COST = 1.0

    # Loss weights (as OED).
    m.CRITERION = CfgNode()
    m.CRITERION.OBJECT_WEIGHT = 1.0
    m.CRITERION.SUBJECT_WEIGHT = 1.0
    m.CRITERION.ATTENTION_WEIGHT = 2.0
    m.CRITERION.SPATIAL_WEIGHT = 2.0
    m.CRITERION.CONTACTING_WEIGHT = 2.0
    m.CRITERION.L1_WEIGHT = 2.5
    m.CRITERION.GIOU_WEIGHT = 1.0
    # Weight of slots without a pair in the cross entropies of object and subject class.
    m.CRITERION.NO_OBJECT_WEIGHT = 0.1
    m.CRITERION.FOCAL_ALPHA = 0.5
    m.CRITERION.FOCAL_GAMMA = 2.0
    # Every loss again on each earlier decoder layer.
    m.CRITERION.AUXILIARY = True

    # Which other annotated frames of the video a target refers to (temporal phase); NoReferences in the spatial stage.
    m.REFERENCE_SAMPLER = CfgNode()
    m.REFERENCE_SAMPLER.NAME = "NoReferences"
    # WindowReferences: references a target, and the window in annotated frames to either side (as OED).
    m.REFERENCE_SAMPLER.NUM_REFERENCES = 2
    m.REFERENCE_SAMPLER.INTERVAL = 4

    # The vision-language model whose answers are extracted once (tools/extract_vlm.py) and then read from its cache.
    m.VLM = CfgNode()
    # A registered backend: SimulatedVLM (ag_sample only) | Qwen2_5_VL | Qwen3_VL | InternVL.
    m.VLM.NAME = "SimulatedVLM"
    # Folder with the model as Hugging Face saves it, or its hub id; and a peft adapter's folder ("": none).
    m.VLM.WEIGHTS = ""
    m.VLM.ADAPTER = ""
    # Name of the answers' folder in the cache; "": from WEIGHTS and ADAPTER.
    m.VLM.TAG = ""
    # Where answers lie: <CACHE>/<data set>/<tag>/<task>/<video>.jsonl. Variables such as $HOME are filled in.
    m.VLM.CACHE = "./output/vlm"
    # Generation, which is greedy: prompts a batch, the longest answer in tokens, the numbers' type.
    m.VLM.BATCH_SIZE = 8
    m.VLM.MAX_NEW_TOKENS = 512
    m.VLM.DTYPE = "bfloat16"
    # Area in pixels to which the processor resizes an image, where it has such limits; 0: the processor's own.
    m.VLM.MIN_PIXELS = 0
    m.VLM.MAX_PIXELS = 0
    # LoRA fine-tuning (tools/finetune_vlm.py). Rank and alpha: ms-swift's defaults, which give the paper's 20 M
    # parameters (Sec. 4.1); one epoch as the paper; the other values, which it does not give, are ms-swift's too.
    m.VLM.LORA = CfgNode()
    m.VLM.LORA.RANK = 8
    m.VLM.LORA.ALPHA = 32
    m.VLM.LORA.DROPOUT = 0.05
    m.VLM.LORA.EPOCHS = 1
    # Learning rate at the start, from which it falls as a cosine to 0; no warm-up.
    m.VLM.LORA.BASE_LR = 1e-4
    m.VLM.LORA.WEIGHT_DECAY = 0.1
    m.VLM.LORA.ADAM_BETA2 = 0.95
    # Prompts of one optimizer step, over all GPUs, and of one forward pass on one; the rest is accumulated.
    m.VLM.LORA.BATCH_SIZE = 16
    m.VLM.LORA.BATCH_PER_GPU = 1
    # Recomputes activations instead of keeping them: less memory, about a third more time.
    m.VLM.LORA.GRADIENT_CHECKPOINTING = True
    # Optimizer steps between checkpoints, and between lines of the log and points in TensorBoard.
    m.VLM.LORA.CHECKPOINT_STEPS = 500
    m.VLM.LORA.LOG_STEPS = 10

    m.EVALUATOR = CfgNode()
    # SceneGraphEvaluator | DetectionEvaluator (of the detector stage; reads METHOD only).
    m.EVALUATOR.NAME = "SceneGraphEvaluator"
    # Name of the model's row in the tables; "": the meta-architecture's.
    m.EVALUATOR.METHOD = ""
    # oed | sttran | tempura: whose rules score (docs/evaluation.md).
    m.EVALUATOR.PROTOCOL = "oed"
    # Columns of the table: with | with_per_pair | semi | no.
    m.EVALUATOR.CONSTRAINTS = ("with", "no")
    # "semi" takes spatial and contacting predicates above this (STTran's).
    m.EVALUATOR.SEMI_THRESHOLD = 0.9
    # Pair NMS before the ranks are read: "" (none; no protocol turns it on) | oed | iou (docs/evaluation.md).
    m.EVALUATOR.NMS = ""
    # IoU of boxes: "" (the protocol's own) | plain | plus_one (docs/evaluation.md).
    m.EVALUATOR.IOU = ""


def _add_training(cfg: CfgNode) -> None:
    # OED: short side 600, long side at most 1000, horizontal flip with p = 0.5, RGB.
    cfg.INPUT.FORMAT = "RGB"
    cfg.INPUT.MIN_SIZE_TRAIN = (600,)
    cfg.INPUT.MAX_SIZE_TRAIN = 1000
    cfg.INPUT.MIN_SIZE_TEST = 600
    cfg.INPUT.MAX_SIZE_TEST = 1000

    s = cfg.SOLVER
    # The schedule in epochs; iterations follow from the data set's size. SOLVER.MAX_ITER and STEPS are not read.
    s.EPOCHS = 12
    # Epochs after which the learning rate is multiplied by SOLVER.GAMMA.
    s.LR_DROP_EPOCHS = (9,)
    s.GAMMA = 0.1
    # No warm-up, as OED.
    s.WARMUP_ITERS = 0
    s.BASE_LR = 1e-4
    s.WEIGHT_DECAY = 1e-4
    # Learning rate of the backbone is BASE_LR times this.
    s.BACKBONE_MULTIPLIER = 0.1
    # Clips (target frames) of one optimizer step, over all GPUs; 16 is OED's 8 GPUs with 2 each. It is the same on any
    # number of GPUs, unless detectron2's SOLVER.REFERENCE_WORLD_SIZE says how many it is meant for: batch and learning
    # rate are then scaled to those that there are.
    s.IMS_PER_BATCH = 16
    # Micro-batches that one optimizer step accumulates, so that a batch fits fewer GPUs.
    s.ACCUMULATION_STEPS = 1
    # Only parameters whose name contains this are trained ("": all; OED's temporal stage: "temporal").
    s.TRAIN_ONLY = ""
    # full_model: the norm of all gradients together (as DETR and OED).
    s.CLIP_GRADIENTS.ENABLED = True
    s.CLIP_GRADIENTS.CLIP_TYPE = "full_model"
    s.CLIP_GRADIENTS.CLIP_VALUE = 0.1
    # Epochs between checkpoints, and between evaluations (0: only after the last epoch).
    s.CHECKPOINT_EPOCHS = 1
    cfg.TEST.EVAL_EPOCHS = 1
    # Frames of one video that pass the spatial phase together when testing, and targets that pass the temporal one.
    cfg.TEST.FRAMES_PER_BATCH = 8
    # bfloat16 where autocast allows, when testing and in the frozen spatial phase while the temporal one is trained.
    cfg.TEST.AMP = CfgNode()
    cfg.TEST.AMP.ENABLED = False
    # torch.compile of backbone, image encoder and decoder, for --eval-only and the predictor: quicker, after minutes of
    # compiling at the first frames of each size.
    cfg.TEST.COMPILE = False
    cfg.SEED = 42
    # Python modules to import before anything is built: where parts of your own are registered.
    cfg.IMPORTS = ()

    # The stages that one training runs in turn, each a node of the keys in which it differs from the config:
    # STAGES.SPATIAL.SOLVER.EPOCHS. The config without them is the finished model. None: the config is the only stage.
    # A stage of 0 epochs is left out.
    cfg.STAGES = CfgNode(new_allowed=True)


def stage_configs(cfg: CfgNode) -> dict[str, CfgNode]:
    """The config of each stage by its name, in the order of training; each in a folder of OUTPUT_DIR of that name.

    A stage of 0 epochs is left out. Without ``STAGES`` there is one, named "", and it is ``cfg`` itself.

    Raises:
        KeyError: a stage names a key that does not exist; the message names the nearest ones.
        ValueError: a stage is no node of keys, or every stage has 0 epochs.
    """
    if not cfg.STAGES:
        return {"": cfg}
    configs = {}
    for name, overrides in cfg.STAGES.items():
        if not isinstance(overrides, CfgNode):
            raise ValueError(f"STAGES.{name} is {overrides!r}; a stage is a node of config keys")
        stage = cfg.clone()
        stage.defrost()
        stage.STAGES = CfgNode()
        stage.OUTPUT_DIR = os.path.join(cfg.OUTPUT_DIR, name.lower())
        with _nearest_key(stage, f"STAGES.{name}."):
            stage.merge_from_other_cfg(overrides)
        if cfg.is_frozen():
            stage.freeze()
        if stage.SOLVER.EPOCHS != 0:
            configs[name] = stage
    if not configs:
        raise ValueError(
            f"every stage ({', '.join(cfg.STAGES)}) has 0 epochs, so there is none: set STAGES.<name>.SOLVER.EPOCHS"
        )
    return configs


def get_vost_cfg(config_file: str | None = None, opts: Sequence = ()) -> CfgNode:
    """detectron2's config with this library's keys, then ``config_file`` (a YAML with ``_BASE_``), then ``opts``
    (KEY, VALUE, KEY, VALUE, ...) merged into it.

    Raises:
        KeyError: a key does not exist; the message names the nearest ones.
        FileNotFoundError: there is no such file.
        ValueError: the file, or one that it inherits from, asks for Python objects.
    """
    if config_file and not PathManager.isfile(config_file):
        raise FileNotFoundError(f"--config-file: there is no file {config_file}")
    cfg = get_cfg()
    add_vost_config(cfg)
    with _nearest_key(cfg):
        if config_file:
            _merge_file(cfg, config_file)
        _open_stages(cfg, map(str, opts[::2]))
        cfg.merge_from_list(list(opts))
    stage_configs(cfg)  # an unknown key of a stage is said now, not when the stage begins
    return cfg


def _merge_file(cfg: CfgNode, path: str) -> None:
    """detectron2 would make whatever Python object a config's tags ask for, by calling whatever they name."""
    try:
        cfg.merge_from_file(path, allow_unsafe=False)
    except yaml.constructor.ConstructorError as error:
        raise ValueError(
            f"--config-file {path}: a config is plain YAML, without Python objects ({error.problem}, in "
            f"{error.problem_mark.name}, line {error.problem_mark.line + 1})"
        ) from None


def _open_stages(cfg: CfgNode, keys: Iterable[str]) -> None:
    """Gives each stage the ``keys`` STAGES.<name>.<key> that it leaves to the config, so that options can set them."""
    for key in keys:
        root, _, path = key.partition(".")
        name, _, path = path.partition(".")
        node, known = cfg.STAGES.get(name) if root == "STAGES" else None, cfg
        for part in path.split("."):
            if not (isinstance(node, CfgNode) and isinstance(known, CfgNode) and part in known):
                break
            known = known[part]
            node.setdefault(part, CfgNode() if isinstance(known, CfgNode) else known)
            node = node[part]


@contextmanager
def _nearest_key(cfg: CfgNode, prefix: str = "") -> Iterator[None]:
    """Turns the error about an unknown key that merging into ``cfg`` raises into one that names the nearest keys."""
    try:
        yield
    except (KeyError, AssertionError) as error:
        unknown = re.search(r"Non-existent (?:config )?key: ([\w.]+)", str(error))
        if unknown is None:
            raise
        key = unknown.group(1)
        raise KeyError(
            f"config key {prefix}{key} does not exist; {nearest(key, _keys(cfg))}"
        ) from None


def flat_keys(node: Mapping, prefix: str = "") -> Iterator[tuple[str, object]]:
    """Each key of a config, or of its dump, with its value: ("SOLVER.BASE_LR", 0.0001). An empty node has none."""
    for name, value in node.items():
        if isinstance(value, Mapping):
            yield from flat_keys(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _keys(node: CfgNode, prefix: str = ""):
    for name, value in node.items():
        yield prefix + name
        if isinstance(value, CfgNode):
            yield from _keys(value, f"{prefix}{name}.")
