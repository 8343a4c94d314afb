"""A configuration as a YAML file."""

from pathlib import Path
from typing import Any

import yaml

from train.config import TrialConfig, config_from_mapping, dictionary_apart
from train.errors import UsageError
from train.system.dotted import UniqueKeys, nest
from train.system.files import write_whole
from train.system.paths import read_utf8


def load_config(path: Path) -> TrialConfig:
    """Read a configuration from a YAML file, with nested or dotted keys."""
    return config_of(read_settings(path), path)


def config_of(settings: dict[str, Any], path: Path) -> TrialConfig:
    """Return the configuration that a file's settings, nested or dotted, describe."""
    if isinstance(settings.get("parameters"), dict):
        raise UsageError(
            "a configuration must have one value for each setting",
            f"{path}, a space",
            f"search it: python search/run.py --space {path}; or name the best.yaml of a search",
        )
    return config_from_mapping(nest(dictionary_apart(settings)), str(path))


def read_settings(path: Path) -> dict[str, Any]:
    """Return the mapping that a YAML file holds; raise UsageError for anything else."""
    try:
        settings = UniqueKeys(read_utf8(path, "a configuration")).get_single_data()
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        found = f"{path}: {' '.join(str(error).split())}"
        raise UsageError("a configuration must be valid YAML", found, "mend that line") from error
    if not isinstance(settings, dict) or not all(isinstance(key, str) for key in settings):
        raise UsageError("a configuration must be a YAML mapping", path, "write `key: value` lines")
    return settings


def remark_of(path: Path) -> str:
    """Return the remark above a configuration."""
    return "\n".join(line[2:] for line in path.read_text("utf-8").splitlines() if line.startswith("# "))


def save_config(config: TrialConfig, path: Path, remark: str = "") -> None:
    """Write a configuration that `load_config` reads back unchanged, below the lines of a remark."""
    above = "".join(f"# {line}\n" for line in remark.splitlines())
    settings = yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False)
    write_whole(path, above + settings)
