"""Framework engines: one file each."""

from typing import TYPE_CHECKING

from train.system.registry import Registry

if TYPE_CHECKING:
    from train.engine import Engine

ENGINES: "Registry[type[Engine]]" = Registry("engine", __name__)
