"""What a search asks of a cluster that it joins, where it is a job with a runtime environment of its own."""

import json

import pytest
from ray._private.runtime_env.constants import RAY_JOB_CONFIG_JSON_ENV_VAR
from ray.runtime_env.runtime_env import _merge_runtime_env

from search.preflight.cluster import GIVEN_GPUS_ALONE, _of_joined


def test_what_a_job_says_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"env_vars": dict.fromkeys(GIVEN_GPUS_ALONE, "0") | {"MALLOC_ARENA_MAX": "3"}}
    monkeypatch.setenv(RAY_JOB_CONFIG_JSON_ENV_VAR, json.dumps({"runtime_env": said}))
    merged = _merge_runtime_env(said, _of_joined()["runtime_env"])
    assert merged is not None, "Ray would refuse to start"
    assert merged["env_vars"].items() > said["env_vars"].items()
    monkeypatch.delenv(RAY_JOB_CONFIG_JSON_ENV_VAR)
    assert _of_joined()["runtime_env"]["env_vars"].items() >= GIVEN_GPUS_ALONE.items()
