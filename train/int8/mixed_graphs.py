"""Graphs with fewer and fewer products in 8 bits, each as a file to be judged."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import onnx

from train.int8.choosing import list_product_sets, measure_harm, worth_it
from train.int8.convert import convert
from train.int8.graph import Array, Product, list_products, load_graph
from train.int8.ranges import measure_inputs
from train.int8.rounding import Rounded, round_product

HARM_IMAGES = 16
"""Of the calibration images, on how many the harm of each product is measured."""


@dataclass(frozen=True)
class ProductChoice:
    """Which products have 8 bits, by name.

    Attributes:
        int8: those that have.
        float32: those that could have, and were left for the harm that they do.
    """

    int8: tuple[str, ...]
    float32: tuple[str, ...]


def write_mixed_graphs(source: Path, target: Path, batches: Sequence[Array]) -> Iterator[ProductChoice]:
    """Write one graph after another to `target`, each with fewer products in 8 bits, and yield what it has.

    Args:
        source: the float32 graph.
        target: the file, which the next graph replaces.
        batches: real images, one in each.
    """
    model, products, rounded, work = _prepare(source, batches)
    by_name = {one.name: one for one in products}

    def write(names: Sequence[str]) -> ProductChoice:
        onnx.save(convert(model, [by_name[name] for name in names], rounded), target)
        return ProductChoice(tuple(names), tuple(name for name in by_name if name not in names))

    if not products:
        return
    yield write(list(by_name))
    # Asked for more: that all of them pass is usual, and to measure each alone takes longest.
    harm = measure_harm(model, products, rounded, _few(batches))
    for names in list_product_sets(harm, work):
        yield write(names)


def measure_alone(source: Path, batches: Sequence[Array]) -> list[dict[str, str | float]]:
    """Return every product's harm and its share of the work, the worst first; for people who ask what 8 bits cost."""
    model, products, rounded, work = _prepare(source, batches)
    harm = measure_harm(model, products, rounded, _few(batches))
    whole = sum(work.values())
    return [
        {"product": name, "harm": harm[name], "work": work[name] / whole}
        for name in sorted(harm, key=lambda name: -harm[name])
    ]


def _prepare(
    source: Path, batches: Sequence[Array]
) -> tuple[onnx.ModelProto, list[Product], dict[str, Rounded], dict[str, float]]:
    """Return the graph, what of it is worth 8 bits, that in 8 bits, and the multiplications of each on an image."""
    model = load_graph(source)
    products = list_products(model)
    seen = measure_inputs(model, products, batches)
    products = [one for one in products if worth_it(seen[one.name])]
    rounded = {one.name: round_product(one, seen[one.name]) for one in products}
    work = {one.name: seen[one.name].positions * one.weights.size for one in products}
    return model, products, rounded, work


def _few(batches: Sequence[Array]) -> Sequence[Array]:
    return batches[:: -(-len(batches) // HARM_IMAGES)]
