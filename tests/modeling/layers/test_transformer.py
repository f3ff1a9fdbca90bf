import pytest

from vost_sgg.config import get_vost_cfg
from vost_sgg.modeling import build_model


@pytest.mark.parametrize("heads", [3, 0])
@pytest.mark.parametrize("config", ["oed_sgdet", "detr"])
def test_heads_that_do_not_divide_the_width_are_one_error(config, heads):
    opts = ["MODEL.TRANSFORMER.NUM_HEADS", heads, "MODEL.TRANSFORMER.D_MODEL", 16]
    with pytest.raises(ValueError, match=f"NUM_HEADS {heads} does not divide .*D_MODEL 16"):
        build_model(get_vost_cfg(f"configs/sample/{config}.yaml", opts))
