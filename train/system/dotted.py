"""Settings as nested mappings, or as dotted keys: `optimiser.learning_rate`; in YAML each key stands once."""

from collections.abc import Mapping
from typing import Any

import yaml

from train.errors import UsageError

MERGE = "tag:yaml.org,2002:merge"


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


class UniqueKeys(yaml.SafeLoader):
    """A loader that raises ValueError for a key that stands twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Return a mapping; raise ValueError for one with a key that stands twice."""
        keys = [self.construct_object(key, deep=True) for key, _ in node.value if key.tag != MERGE]
        if twice := [key for key in keys if keys.count(key) > 1]:
            raise ValueError(f"the key {twice[0]!r} stands twice")
        return super().construct_mapping(node, deep)
