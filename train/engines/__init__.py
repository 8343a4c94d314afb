"""Framework engines: one file each."""

from train.engine import Engine
from train.registry import Registry

ENGINES: Registry[type[Engine]] = Registry("engine", __name__)
