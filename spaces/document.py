"""A YAML file that knows the line of each of its parts."""

import re
from typing import Any

import yaml

from train.errors import UsageError

Path = tuple[str | int, ...]


class _Loader(yaml.SafeLoader):
    """YAML 1.1 reads 1e-3 as a word; people mean the number."""


_Loader.yaml_implicit_resolvers = {k: list(v) for k, v in yaml.SafeLoader.yaml_implicit_resolvers.items()}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?\d+(\.\d*)?[eE][-+]?\d+$"), list("-+0123456789")
)


class Document:
    """A parsed YAML file that knows the line of each of its parts.

    Attributes:
        data: the parsed mapping.
        source: file name for messages.
    """

    def __init__(self, text: str, source: str) -> None:
        self.source = source
        self._lines: dict[Path, int] = {}
        try:
            loader = _Loader(text)
            node = loader.get_single_node()
            if not isinstance(node, yaml.MappingNode):
                raise UsageError("a space must be a YAML mapping", source, "write `parameters:` and `fixed:`")
            self._mark(node, ())
            self.data: dict[str, Any] = loader.construct_document(node)
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            found = f"{source}: {' '.join(str(error).split())}"
            raise UsageError("a space must be valid YAML", found, "mend that line") from error

    def _mark(self, node: yaml.Node, path: Path) -> None:
        self._lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if not isinstance(key, yaml.ScalarNode):
                    raise self.fault(path, "a key must be a word", "a list or mapping", "write `key: value`")
                place = (*path, key.value)
                repeated = place in self._lines
                self._lines[place] = key.start_mark.line + 1
                if repeated:
                    raise self.fault(place, "a key stands once", repr(key.value), "remove one of the two")
                self._mark(value, place)
        elif isinstance(node, yaml.SequenceNode):
            for index, value in enumerate(node.value):
                self._mark(value, (*path, index))

    def fault(self, path: Path, rule: str, value: object, remedy: str) -> UsageError:
        """Return the error of the part at `path`: rule, value, place (file:line) and remedy."""
        while path not in self._lines and path:
            path = path[:-1]
        return UsageError(f"{self.source}:{self._lines.get(path, 1)}: {rule}", value, remedy)

    def mapping(self, path: Path, value: object) -> dict[str, Any]:
        """Return `value` as a mapping (an absent one is empty), or raise."""
        if value is None:
            return {}
        if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
            raise self.fault(path, f"{path[-1]} must be a mapping", repr(value), "write `key: value` lines")
        return value
