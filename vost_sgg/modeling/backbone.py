"""The slim backbone of the sample configs. Full-size configs use detectron2's own ``build_resnet_backbone``."""

from detectron2.layers import ShapeSpec
from detectron2.modeling import BACKBONE_REGISTRY, ResNet
from detectron2.modeling.backbone.resnet import BasicBlock, BasicStem


@BACKBONE_REGISTRY.register()
def build_slim_resnet_backbone(cfg, input_shape: ShapeSpec) -> ResNet:
    """detectron2's ResNet with one basic block a stage and ``MODEL.SLIM_RESNET.CHANNELS`` output channels.

    The stem halves the image twice and each stage once: three channels make a total stride of 16 and the features
    ``res2`` and ``res3``. detectron2's own builder cannot make it: its basic blocks must start at 64 channels.
    """
    norm, channels = cfg.MODEL.RESNETS.NORM, cfg.MODEL.SLIM_RESNET.CHANNELS
    stem = BasicStem(input_shape.channels, channels[0], norm)
    stages = [
        ResNet.make_stage(
            BasicBlock, 1, in_channels=i, out_channels=o, norm=norm, stride_per_block=[2]
        )
        for i, o in zip(channels, channels[1:], strict=False)
    ]
    return ResNet(
        stem,
        stages,
        out_features=cfg.MODEL.RESNETS.OUT_FEATURES,
        freeze_at=cfg.MODEL.BACKBONE.FREEZE_AT,
    )
