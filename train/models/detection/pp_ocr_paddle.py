"""PP-OCR detection in Paddle: the trainable networks that paddlex holds, with the threshold branch of the loss."""

from typing import Any

from train.models.detection.db_head import add_threshold, shrink_logits, threshold_logits
from train.models.paddle_network import PaddleNetwork, published_layer
from train.models.weights.reparametrise import keep_one_branch


def build(layer_class: str, settings: dict[str, Any], branched: bool) -> PaddleNetwork:
    """Return the network with random weights.

    Args:
        layer_class: class in paddlex's modeling package.
        settings: what the class's configuration takes.
        branched: leave out parallel branches: their sum takes their place.
    """
    layer = published_layer("text_detection", layer_class, settings)
    if branched:
        keep_one_branch(layer.sublayers())
    add_threshold(layer)
    _average_in_two_steps(layer)
    return PaddleNetwork(layer, _logits, _training_logits)


def _logits(layer: Any, images: Any) -> Any:
    """Return (N, 1, H, W) logits of the probability map."""
    return shrink_logits(layer, layer.model(images))


def _training_logits(layer: Any, images: Any) -> Any:
    """Return (N, 2, H, W) logits of the probability and the threshold map."""
    import paddle

    features = layer.model(images)
    return paddle.concat([shrink_logits(layer, features), threshold_logits(layer, features)], axis=1)


def _average_in_two_steps(network: Any) -> None:
    """Let every global average pooling sum up rows first and then their means.

    Paddle adds the values of a map one after another in float32: over a photo's (288, 160) features that is wrong by
    6e-4 of the sum, and probabilities by 1.5e-3. In two steps they are right to 1e-5.
    """
    import paddle

    class GlobalAverage(paddle.nn.Layer):
        def forward(self, features: Any) -> Any:
            return features.mean(3, keepdim=True).mean(2, keepdim=True)

    for layer in network.sublayers(include_self=True):
        for name, child in list(layer.named_children()):
            if isinstance(child, paddle.nn.AdaptiveAvgPool2D):
                setattr(layer, name, GlobalAverage())
