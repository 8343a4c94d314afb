"""Scores as JSON, under their own names, by which they are read back as what they were."""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator

from train.scoring.intervals import Interval
from train.scoring.scores import Scores
from train.tasks import TASKS


def scores_to_json(scores: Scores) -> dict[str, Any]:
    """Return the scores as summary.json and the journal have them, with the interval of the first one."""
    return {**scores.as_dict(), "interval_95": interval_ends(scores.interval)}


def interval_ends(interval: Interval | None) -> list[float] | None:
    """Return [low, high]."""
    return interval.ends if interval else None


def scores_from_json(kind: type[Scores], values: Mapping[str, Any]) -> Scores:
    """Return scores of a kind from what `scores_to_json` made of them."""
    keys = dict(zip(kind.interval_keys(), values.get("interval_95") or (), strict=False))
    read = kind.from_metrics({**values, **keys}, values["n"])
    others = {field.name: values[field.name] for field in fields(kind) if field.name in values}
    return replace(read, **{name: value for name, value in others.items() if name not in kind.names})


def _read_scores(values: Any) -> Scores:
    """Return scores as they are, or from their JSON: their kind is the one that has all those names."""
    if isinstance(values, Scores):
        return values
    kinds = {TASKS.get(name).scores for name in TASKS.names()}
    fitting = [kind for kind in kinds if all(name in values for name in kind.names)]
    if not fitting:
        raise ValueError(f"no task has scores of these names: {', '.join(values)}")
    return scores_from_json(max(fitting, key=lambda kind: len(kind.names)), values)


KeptScores = Annotated[Scores, PlainValidator(_read_scores), PlainSerializer(scores_to_json)]
"""A field that holds scores of any task."""
