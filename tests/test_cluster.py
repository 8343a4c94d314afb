"""cluster.yaml is one that Ray takes."""

from pathlib import Path

import yaml

CLUSTER = Path(__file__).resolve().parent.parent / "cluster.yaml"


def test_ray_accepts_the_cluster_file() -> None:
    from ray.autoscaler._private.util import prepare_config, validate_config

    given = yaml.safe_load(CLUSTER.read_text(encoding="utf-8"))
    config = prepare_config(given)
    validate_config(config)
    [node_type] = config["available_node_types"].values()
    assert node_type["min_workers"] == len(given["provider"]["worker_ips"]) == given["max_workers"]
