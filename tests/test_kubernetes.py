"""The manifests of docs/kubernetes are ones that KubeRay, Ray Serve and our own command line take.

FIELDS lists which fields of KubeRay's v1 API (ray-project/kuberay) the manifests may use: a misspelt one is dropped by
the API server with hardly a word. Kubernetes' own fields are checked where ours depend on them.
"""

import shlex
from pathlib import Path
from typing import Any

import pytest
import ray
import yaml
from ray.serve.schema import ServeDeploySchema

from search.run import parser, settings_of
from serve.settings import Settings

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "kubernetes"
FIELDS = {
    "RayJob": {
        "entrypoint", "runtimeEnvYAML", "shutdownAfterJobFinishes", "ttlSecondsAfterFinished", "backoffLimit",
        "rayClusterSpec", "submissionMode", "activeDeadlineSeconds", "suspend",
    },
    "RayService": {"serveConfigV2", "rayClusterConfig", "serviceUnhealthySecondThreshold"},
    "cluster": {
        "rayVersion", "authOptions", "enableInTreeAutoscaling", "autoscalerOptions", "headGroupSpec",
        "workerGroupSpecs",
    },
    "autoscalerOptions": {"version", "idleTimeoutSeconds", "upscalingMode", "resources", "env"},
    "head": {"rayStartParams", "template", "serviceType"},
    "workers": {"groupName", "replicas", "minReplicas", "maxReplicas", "rayStartParams", "template"},
}  # fmt: skip


def manifest(name: str) -> dict[str, Any]:
    loaded = yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))
    assert isinstance(loaded, dict)
    return loaded


def cluster(of: dict[str, Any]) -> dict[str, Any]:
    found = of["spec"].get("rayClusterSpec") or of["spec"]["rayClusterConfig"]
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("name", sorted(path.name for path in FOLDER.glob("*.yaml")))
def test_a_manifest_has_only_fields_that_kuberay_has(name: str) -> None:
    found = manifest(name)
    assert (found["apiVersion"], set(found)) == ("ray.io/v1", {"apiVersion", "kind", "metadata", "spec"})
    assert set(found["spec"]) <= FIELDS[found["kind"]]
    of = cluster(found)
    assert set(of) <= FIELDS["cluster"]
    assert of["rayVersion"] == ray.__version__
    assert of["authOptions"] == {"mode": "token"}
    assert set(of.get("autoscalerOptions", {})) <= FIELDS["autoscalerOptions"]
    assert set(of["headGroupSpec"]) <= FIELDS["head"]
    for group in of["workerGroupSpecs"]:
        assert set(group) <= FIELDS["workers"]
        assert group["minReplicas"] <= group["replicas"] <= group["maxReplicas"]
        check_pods(of["headGroupSpec"], group)


def check_pods(head: dict[str, Any], group: dict[str, Any]) -> None:
    """Head and workers run the same image on the same folders; what is mounted is there, what is asked for is given."""
    pods = [head["template"]["spec"], group["template"]["spec"]]
    containers = [container for pod in pods for container in pod["containers"]]
    assert len({container["image"] for container in containers}) == 1
    assert len({repr(container["volumeMounts"]) for container in containers}) == 1
    for pod in pods:
        volumes = {volume["name"] for volume in pod["volumes"]}
        for container in pod["containers"]:
            assert {mount["name"] for mount in container["volumeMounts"]} <= volumes
            assert container["resources"]["requests"] == container["resources"]["limits"]
    for parameter in (*head["rayStartParams"].values(), *group["rayStartParams"].values()):
        assert isinstance(parameter, str)  # `ray start` gets it as a word


def test_the_search_fits_its_workers() -> None:
    job = manifest("search.yaml")
    python, script, *words = shlex.split(job["spec"]["entrypoint"])
    assert (python, script) == ("python", "search/run.py")
    settings = settings_of(parser().parse_args(words))
    assert settings.autoscaling
    [group] = cluster(job)["workerGroupSpecs"]
    limits = group["template"]["spec"]["containers"][0]["resources"]["limits"]
    gpus, cores = float(limits["nvidia.com/gpu"]), float(limits["cpu"])
    assert settings.gpus is not None
    assert settings.cpus is not None
    assert settings.cpus < cores  # Ray's own processes need some
    assert settings.concurrent == group["maxReplicas"] * int(gpus / settings.gpus)
    environment = yaml.safe_load(job["spec"]["runtimeEnvYAML"])
    assert f"COPY --chown=ray:users . {environment['working_dir']}\n" in (FOLDER / "Dockerfile").read_text(
        "utf-8"
    )


def test_the_endpoint_is_what_serve_takes() -> None:
    service = manifest("endpoint.yaml")
    schema = ServeDeploySchema.model_validate(yaml.safe_load(service["spec"]["serveConfigV2"]))
    known = yaml.safe_load((FOLDER.parent / "serve.yaml").read_text(encoding="utf-8"))
    expected = {app["name"]: (app["import_path"], app["route_prefix"]) for app in known["applications"]}
    assert {app.name: (app.import_path, app.route_prefix) for app in schema.applications} == expected
    for app in schema.applications:
        Settings(**app.args["settings"])
    assert schema.http_options.host == "0.0.0.0"  # noqa: S104 - inside its pod


def test_the_image_has_the_tested_ray_and_python() -> None:
    text = (FOLDER / "Dockerfile").read_text(encoding="utf-8")
    assert f"FROM rayproject/ray:{ray.__version__}-py311-gpu" in text
    assert "-c constraints.txt" in text
