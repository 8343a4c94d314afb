"""`serve run` with the documented file serves the same endpoint."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
import yaml

from tests.serve.conftest import REPOSITORY, free_port

pytestmark = pytest.mark.slow


def test_serve_run_takes_the_documented_file(tmp_path: Path) -> None:
    port = free_port()
    config = yaml.safe_load((REPOSITORY / "docs" / "serve.yaml").read_text(encoding="utf-8"))
    config["http_options"]["port"] = port
    for application in config["applications"]:
        settings = application["args"]["settings"]
        application["args"]["settings"] = settings | {
            "storage": str(tmp_path / "store"), "recognition": "pp-ocrv6-tiny", "detection": "pp-ocrv6-tiny",
            "recognisers": 1,
        }  # fmt: skip
    file = tmp_path / "serve.yaml"
    file.write_text(yaml.safe_dump(config), encoding="utf-8")
    command = [Path(sys.executable).with_name("serve"), "run", file, "--working-dir", REPOSITORY]
    environment = os.environ | {
        "RAY_AUTH_MODE": "disabled",
        "PYTHONPATH": str(REPOSITORY),
        "RAY_ADDRESS": "local",
    }
    with (tmp_path / "log").open("w+") as log:
        process = subprocess.Popen(command, env=environment, cwd=tmp_path, stdout=log, stderr=log)
        try:
            models = wait_for_models(port, process, tmp_path / "log")
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(180)
    assert {model["name"] for model in models} == {"pp-ocrv6-tiny"}


def wait_for_models(port: int, process: "subprocess.Popen[bytes]", log: Path) -> list[dict[str, object]]:
    until = time.monotonic() + 400
    while time.monotonic() < until and process.poll() is None:
        try:
            answer = httpx.get(f"http://127.0.0.1:{port}/v1/models", timeout=30)
            if answer.status_code == 200:
                return list(answer.json()["models"])
        except httpx.TransportError:
            pass
        time.sleep(1)
    raise AssertionError(log.read_text())
