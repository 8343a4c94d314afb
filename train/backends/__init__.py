"""How the workers of a trial find each other: one Ray Train backend per engine, under the engine's name.

Kept out of `train/engines`, whose look-up would otherwise import Ray into every single-process run.
"""

from collections.abc import Callable
from typing import Any

from train.system.registry import Registry

BACKENDS: Registry[Callable[[], Any]] = Registry("engine with several workers", __name__)
"""What makes the `BackendConfig` of each engine."""
