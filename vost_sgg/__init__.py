"""vost_sgg: spatio-temporal scene graph generation on detectron2.

Importing this package is cheap: torch and detectron2 are imported by the modules that need them.
"""

import importlib.util
import warnings

__version__ = "0.1.0"

# torch warns of what detectron2 does on its import and with several processes: noise in front of what a tool prints.
warnings.filterwarnings("ignore", message="`(torch.jit.script|broadcast_buffers)` is deprecated")

if importlib.util.find_spec("detectron2") is None:
    raise ImportError(
        "vost_sgg is built on detectron2, which is not installed. In the checkout of vost_sgg run "
        "`python tools/install_detectron2.py`; it is not on the package index under its own name."
    )
