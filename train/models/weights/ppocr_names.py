"""What PaddleOCR's training networks call the arrays of ours; one table an architecture, read in both directions.

PaddleOCR's names are those of ppocr/modeling; a test holds the table against paddlex's own converter of them.
"""

from collections.abc import Iterable
from dataclasses import dataclass

Pair = tuple[str, str]
UNUSED = (
    "head.gtc_head.",
    "head.before_gtc.",
    "head.encoder_reshape.",
    "backbone.fc.",
    "backbone.last_conv.",
)
"""Of their names: what only their training or another use of the backbone needs."""
BACKBONE, HEAD = "backbone.", "head."


@dataclass(frozen=True)
class Names:
    """The names of one architecture.

    Attributes:
        backbone: (theirs, ours), in the order in which theirs become ours. A part that begins with a dot is the last
            such part of a name, another one its beginning.
        head: the same for what follows the backbone.
    """

    backbone: tuple[Pair, ...]
    head: tuple[Pair, ...]

    def ours(self, theirs: str) -> str:
        """Return the shared name of one of PaddleOCR's."""
        return _renamed(theirs, self.head if theirs.startswith(HEAD) else self.backbone)

    def theirs(self, ours: str) -> str:
        """Return PaddleOCR's name of a shared one."""
        pairs = self.head if ours.startswith(HEAD) else self.backbone
        return _renamed(ours, [(new, old) for old, new in reversed(pairs)])


def _renamed(name: str, pairs: Iterable[Pair]) -> str:
    for old, new in pairs:
        if not old.startswith("."):
            name = new + name.removeprefix(old) if name.startswith(old) else name
        elif old in name:
            front, _, back = name.rpartition(old)
            name = front + new + back
    return name


ENCODER = "model.backbone.encoder."
LAYERS: tuple[Pair, ...] = ((".conv.", ".convolution."), (".bn.", ".normalization."))
STEM: tuple[Pair, ...] = (
    (f"{ENCODER}conv1.", f"{ENCODER}convolution."),
)  # last: its name is that of a layer, too


def _stages(count: int, inner: str) -> tuple[Pair, ...]:
    """Their stages are numbered from 2."""
    return tuple((f"{ENCODER}blocks{i + 2}.", f"{ENCODER}blocks.{i}.{inner}.") for i in range(count))


def _svtr(blocks: Iterable[tuple[str, str]]) -> tuple[Pair, ...]:
    """Return the names of an SVTR encoder and a CTC head; `blocks` are convolution and norm of each block in front."""
    front = [
        pair
        for number, (convolution, norm) in enumerate(blocks)
        for pair in (
            (f"head.encoder.{convolution}.", f"head.encoder.conv_block.{number}.convolution."),
            (f"head.encoder.{norm}.", f"head.encoder.conv_block.{number}.normalization."),
        )
    ]
    return (
        ("head.ctc_encoder.encoder.", "head.encoder."),
        *front,
        (".norm1.", ".layer_norm1."),
        (".norm2.", ".layer_norm2."),
        (".mixer.qkv.", ".self_attn.qkv."),
        (".mixer.proj.", ".self_attn.projection."),
        ("head.ctc_head.fc.", "head.head."),
    )


SVTR = _svtr((f"{name}.conv", f"{name}.norm") for name in ("conv1", "conv2", "conv3", "conv4", "conv1x1"))
LIGHT_SVTR = _svtr(
    [
        ("skip_conv.conv", "skip_conv.norm"),
        ("conv_reduce.conv", "conv_reduce.norm"),
        ("local_conv.0", "local_conv.1"),
    ]
)
V4_BLOCKS: tuple[Pair, ...] = (
    *_stages(4, "blocks"),
    (".token_mixer.rep_dw.reparam_conv.", ".token_conv."),
    (".token_mixer.dw_conv.", ".token_conv."),
    (".token_mixer.rep_dw.", ".token_conv.rep_dw."),
    (".token_mixer.se.conv1.", ".token_squeeze_excitation.convolutions.0."),
    (".token_mixer.se.conv2.", ".token_squeeze_excitation.convolutions.2."),
    (".channel_mixer.expand.", ".channel_conv1."),
    (".channel_mixer.compress.", ".channel_conv2."),
    *LAYERS,
)

V5_MOBILE_NAMES = Names(
    backbone=(
        (BACKBONE, ENCODER),
        *_stages(5, "layers"),
        (".dw_conv.", ".depthwise_convolution."),
        (".pw_conv.", ".pointwise_convolution."),
        (".conv_kxk.", ".conv_symmetric."),
        (".conv_1x1.", ".conv_small_symmetric."),
        (".se.conv1.", ".squeeze_excitation_module.convolutions.0."),
        (".se.conv2.", ".squeeze_excitation_module.convolutions.2."),
        *LAYERS,
        *STEM,
    ),
    head=SVTR,
)
V5_SERVER_NAMES = Names(
    backbone=(
        ("backbone.stem.", "model.backbone.embedder."),
        ("backbone.stages.", f"{ENCODER}stages."),
        (".aggregation_squeeze_conv.", ".aggregation.0."),
        (".aggregation_excitation_conv.", ".aggregation.1."),
        *LAYERS,
    ),
    head=SVTR,
)
V6_NAMES = Names(
    backbone=((BACKBONE, ENCODER), *V4_BLOCKS, *STEM),
    head=LIGHT_SVTR,
)
V6_TINY_NAMES = Names(
    backbone=(
        (BACKBONE, ENCODER),
        *V4_BLOCKS,
        (f"{ENCODER}conv1.0.", f"{ENCODER}convolution.conv1."),
        (f"{ENCODER}conv1.2.", f"{ENCODER}convolution.conv2."),
    ),
    head=(
        ("head.ctc_head.guide_layer.0.", "head.conv1."),
        ("head.ctc_head.guide_layer.1.", "head.norm1."),
        ("head.ctc_head.guide_layer.3.", "head.conv2."),
        ("head.ctc_head.guide_layer.4.", "head.norm2."),
        ("head.ctc_head.fc1.", "head.fc1."),
        ("head.ctc_head.fc2.", "head.fc2."),
    ),
)
