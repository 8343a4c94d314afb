"""The applications on Ray Serve: HTTP (`serve/api/ingress.py`), and one for each model (`serve/inference/replicas.py`).

Every model is a Ray Serve application of its own, so that a new bundle replaces one of them and leaves the others
alone: `serve.run` of it starts new replicas, waits until they are ready, and only then lets the old ones finish.
"""

import logging
from functools import partial
from pathlib import Path
from typing import Any

from ray import serve

from serve.api.ingress import Ingress
from serve.inference.replicas import LOGGING, build_model_application, deploy_model
from serve.loop.versions import Versions
from serve.settings import Settings

APPLICATION = "ocr"


def build_ingress_application(settings: Settings) -> serve.Application:
    """Return the application that speaks HTTP."""
    return Ingress.options(  # type: ignore[attr-defined]
        max_ongoing_requests=10 * settings.limits.queued,  # the middleware counts, and answers 503 in time
        ray_actor_options={"num_cpus": settings.cpus_per_replica},
        graceful_shutdown_timeout_s=60,
        logging_config=LOGGING,
    ).bind(settings.model_dump(mode="json"))


def model(args: dict[str, Any]) -> serve.Application:
    """Build one model's application for `serve run` and `serve deploy`: `task`, and `settings` as `Settings`."""
    settings = Settings.model_validate(args["settings"])
    return build_model_application(args["task"], _find_source(args["task"], settings), settings)


def ingress(args: dict[str, Any]) -> serve.Application:
    """Build the HTTP side for `serve run` and `serve deploy`: `settings` as `Settings`."""
    return build_ingress_application(Settings.model_validate(args["settings"]))


def _find_source(task: str, settings: Settings) -> str:
    """Return the bundle or pretrained name that is to serve a task: what was promoted serves again after a restart."""
    named = Path(settings.sources()[task])
    version = Versions(settings.storage).begin(task, named.absolute() if named.is_dir() else None)
    return settings.source(task, version.directory)


def start(settings: Settings, host: str, port: int, address: str | None) -> None:
    """Serve on a Ray cluster, or on one that is started here and ends with this process."""
    import ray
    from ray._private import parameter

    if not address:
        # Retraining is a Ray job, and its agent would give up where another cluster has the fixed port.
        parameter.RayParams = partial(parameter.RayParams, dashboard_agent_listen_port=0)
    ray.init(address=address or "local", log_to_driver=False, logging_level="warning")
    logging.getLogger("ray.serve").setLevel(logging.WARNING)
    serve.start(http_options={"host": host, "port": port})
    for task in settings.sources():
        deploy_model(task, _find_source(task, settings), settings)
    serve.run(build_ingress_application(settings), name=APPLICATION, route_prefix="/")


def stop() -> None:
    """End the server and the cluster that `start` started."""
    import ray

    serve.shutdown()
    ray.shutdown()
