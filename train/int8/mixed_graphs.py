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
    graph = _round(source, batches)
    by_name = {one.name: one for one in graph.products}

    def write(names: Sequence[str]) -> ProductChoice:
        onnx.save(convert(graph.model, [by_name[name] for name in names], graph.rounded), target)
        return ProductChoice(tuple(names), tuple(name for name in by_name if name not in names))

    if not by_name:
        return
    yield write(list(by_name))
    # Asked for more: that all of them pass is usual, and to measure each alone takes longest.
    for names in list_product_sets(graph.measure_harm(batches), graph.work):
        yield write(names)


def measure_alone(source: Path, batches: Sequence[Array]) -> list[dict[str, str | float]]:
    """Return every product's harm and its share of the work, the worst first; for people who ask what 8 bits cost."""
    graph = _round(source, batches)
    harm, whole = graph.measure_harm(batches), sum(graph.work.values())
    return [
        {"product": name, "harm": harm[name], "work": graph.work[name] / whole}
        for name in sorted(harm, key=lambda name: -harm[name])
    ]


@dataclass(frozen=True)
class _RoundedGraph:
    """A graph and what of it is worth 8 bits.

    Attributes:
        rounded: the products in 8 bits, by name.
        work: multiplications of each on an image, by name.
    """

    model: onnx.ModelProto
    products: list[Product]
    rounded: dict[str, Rounded]
    work: dict[str, float]

    def measure_harm(self, batches: Sequence[Array]) -> dict[str, float]:
        """Return the harm of each product alone, by name, on a few of the images."""
        few = batches[:: -(-len(batches) // HARM_IMAGES)]
        return measure_harm(self.model, self.products, self.rounded, few)


def _round(source: Path, batches: Sequence[Array]) -> _RoundedGraph:
    model = load_graph(source)
    products = list_products(model)
    seen = measure_inputs(model, products, batches)
    products = [one for one in products if worth_it(seen[one.name])]
    rounded = {one.name: round_product(one, seen[one.name]) for one in products}
    work = {one.name: seen[one.name].positions * one.weights.size for one in products}
    return _RoundedGraph(model, products, rounded, work)
