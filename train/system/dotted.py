"""Settings as nested mappings, or as dotted keys: `optimiser.learning_rate`."""

from collections.abc import Mapping
from typing import Any

from train.errors import UsageError


def nest(flat: dict[str, Any]) -> dict[str, Any]:
    """Turn dotted keys (`optimiser.learning_rate`) into nested mappings; the inverse of `flatten`."""
    result: dict[str, Any] = {}
    for key, value in flat.items():
        *parents, leaf = key.split(".")
        place = result
        for parent in parents:
            place = place.setdefault(parent, {})
            if not isinstance(place, dict):
                raise UsageError("a key must be set once", f"{key} and {parent}", "remove one of the two")
        place[leaf] = value
    return result


def flatten(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Turn nested mappings into dotted keys; the inverse of `nest`."""
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, dict):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat
