"""Which products are worth 8 bits: what each of them costs is measured, alone."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import onnx

from train.int8.convert import convert
from train.int8.graph import Array, Product, open_model
from train.int8.ranges import InputSample
from train.int8.rounding import Rounded

SHARES = (0.7, 0.5, 0.35, 0.25, 0.15)
"""How much of the harm of all products together is let in, the fastest graph first."""


def worth_it(seen: InputSample) -> bool:
    """Whether 8 bits can save time: a product at a single position costs next to nothing, as in squeeze and excite."""
    return seen.positions > 1


def measure_harm(
    model: onnx.ModelProto,
    products: Sequence[Product],
    rounded: Mapping[str, Rounded],
    batches: Sequence[Array],
) -> dict[str, float]:
    """Return how far each product alone moves the outputs: absolute differences, added up over an image."""
    expected = list(_outputs(model, batches))
    harm: dict[str, float] = {}
    for one in products:
        found = _outputs(convert(model, [one], rounded), batches)
        moved = [np.abs(a - b).sum() / len(a) for a, b in zip(expected, found, strict=True)]
        harm[one.name] = float(np.mean(moved))
    return harm


def _outputs(model: onnx.ModelProto, batches: Sequence[Array]) -> Iterator[Array]:
    session, input_name = open_model(model), model.graph.input[0].name
    return (session.run(None, {input_name: batch})[0] for batch in batches)


def list_product_sets(harm: Mapping[str, float], work: Mapping[str, float]) -> list[list[str]]:
    """Return which products are to have 8 bits where not all can; each set is a part of the one before.

    What does the most harm for the work that it saves is left out first, until what is left does no more than a share
    of the whole harm, one after another of SHARES.

    Args:
        harm: of each product alone, by name.
        work: multiplications of each, on an image.
    """
    kept = sorted(harm, key=lambda name: harm[name] / work[name])
    total, found = sum(harm.values()), list[list[str]]()
    for share in SHARES:
        while kept and sum(harm[name] for name in kept) > share * total * (1 + 1e-9):
            kept.pop()
        if kept and len(kept) < len(found[-1] if found else harm):
            found.append([name for name in harm if name in kept])
    return found
