"""The cluster files are ones that Ray takes."""

from pathlib import Path
from typing import Any

import pytest
import ray
import yaml

REPOSITORY = Path(__file__).resolve().parent.parent


def accepted(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the file as it is given, and as Ray's autoscaler completes and validates it (ray-schema.json)."""
    from ray.autoscaler._private.util import prepare_config, validate_config

    given = yaml.safe_load((REPOSITORY / name).read_text(encoding="utf-8"))
    config = prepare_config(given)
    validate_config(config)
    return given, config


def test_ray_accepts_the_file_for_machines_of_ones_own() -> None:
    given, config = accepted("cluster.yaml")
    [node_type] = config["available_node_types"].values()
    assert node_type["min_workers"] == len(given["provider"]["worker_ips"]) == given["max_workers"]


def test_ray_accepts_the_file_for_aws() -> None:
    given, config = accepted("cluster-aws.yaml")
    workers = config["available_node_types"]["gpu"]
    assert 0 == workers["min_workers"] < workers["max_workers"] == given["max_workers"]
    assert config["available_node_types"][config["head_node_type"]]["resources"] == {"CPU": 0}
    assert f"rayproject/ray:{ray.__version__}-py311" in config["docker"]["image"]


def test_a_misspelt_field_is_refused(tmp_path: Path) -> None:
    from ray.autoscaler._private.util import prepare_config, validate_config

    given = yaml.safe_load((REPOSITORY / "cluster-aws.yaml").read_text(encoding="utf-8"))
    given["idle_timeout"] = 10
    with pytest.raises(Exception, match="idle_timeout"):
        validate_config(prepare_config(given))
