"""The manifests of docs/kubernetes are ones that KubeRay, Ray Serve and our own command line take.

A misspelt field is dropped by the API server with hardly a word, so none may be there that the schema does not know.
`kuberay/KIND.json.gz` is `openAPIV3Schema` of KIND, v1, in KubeRay 1.7.0's helm-chart/kuberay-operator/crds, without
its descriptions; it holds Kubernetes' own pods, too.
"""

import gzip
import json
import shlex
from pathlib import Path
from typing import Any

import pytest
import ray
import yaml
from jsonschema import Draft202012Validator
from ray.serve.schema import ServeDeploySchema

from search.arguments import parser
from search.run import settings_of
from serve.settings import Settings

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "kubernetes"
SCHEMAS = Path(__file__).resolve().parent / "kuberay"


def manifest(name: str) -> dict[str, Any]:
    loaded = yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))
    assert isinstance(loaded, dict)
    return loaded


def cluster(of: dict[str, Any]) -> dict[str, Any]:
    found = of["spec"].get("rayClusterSpec") or of["spec"]["rayClusterConfig"]
    assert isinstance(found, dict)
    return found


def faults(found: dict[str, Any]) -> list[str]:
    """Return what KubeRay's schema has against a manifest."""
    schema = json.loads(gzip.decompress((SCHEMAS / f"{found['kind']}.json.gz").read_bytes()))
    schema["properties"]["metadata"] = {
        "type": "object",
        "required": ["name"],
    }  # Kubernetes' own, in no schema
    return [
        f"{error.json_path}: {error.message}"
        for error in Draft202012Validator(strict(schema)).iter_errors(found)
    ]


def strict(schema: Any) -> Any:
    """Return a schema that takes no other fields than it names, and for Kubernetes' numbers words, too."""
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("x-kubernetes-int-or-string") is True:
        return {"type": ["integer", "string"]}
    parts = {key: strict(part) for key, part in schema.items()}
    closed = schema.get("type") == "object" and "properties" in schema
    return parts | ({"additionalProperties": False} if closed else {})


@pytest.mark.parametrize("name", sorted(path.name for path in FOLDER.glob("*.yaml")))
def test_kuberays_schema_takes_a_manifest(name: str) -> None:
    found = manifest(name)
    assert faults(found) == []
    of = cluster(found)
    assert of["rayVersion"] == ray.__version__
    assert of["authOptions"] == {"mode": "token"}
    for group in of["workerGroupSpecs"]:
        assert group["minReplicas"] <= group["replicas"] <= group["maxReplicas"]
        check_pods(of["headGroupSpec"], group)


def test_a_misspelt_field_and_a_wrong_value_are_found() -> None:
    found = manifest("search.yaml")
    found["spec"]["entryPoint"] = "python"
    [group] = cluster(found)["workerGroupSpecs"]
    group["maxReplicas"] = "8"
    group["template"]["spec"]["containers"][0]["resource"] = {}
    said = " ".join(faults(found))
    for wrong in ("entryPoint", "maxReplicas", "'resource' was unexpected"):
        assert wrong in said


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
