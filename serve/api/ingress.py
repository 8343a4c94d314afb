"""The deployment that speaks HTTP: one ASGI application, its middleware and its routes."""

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, Response
from fastapi_offline import FastAPIOffline
from ray import serve
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from serve.api.door import Door, describe_error, find_log_id, make_error_body
from serve.api.routes_loop import make_loop_router, open_loop
from serve.api.routes_read import make_ocr_handler, make_read_router, make_recognize_handler
from serve.inference.fused import FusedModel
from serve.inference.replicas import RemoteModel
from serve.loop.versions import Version, Versions, find_serving
from serve.metrics import CONTENT_TYPE, Metrics
from serve.reading.services import ServedModel, Services
from serve.runtime.gpus import keep_to_given
from serve.settings import Settings
from train.errors import OcrError

log = logging.getLogger("ray.serve")

WEB = Path(__file__).parent.parent / "web"
POLICY = "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; frame-ancestors 'none'; base-uri 'none'"


@serve.deployment
@serve.ingress()
class Ingress:
    """Speaks HTTP; pictures are decoded here and cross to the models as arrays, once."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self._settings = Settings.model_validate(settings).of_a_process()

    def __serve_build_asgi_app__(self) -> Any:
        metrics = Metrics()
        self._fused = _open_fused(self._settings, keep_to_given())
        models: Mapping[str, ServedModel] = self._fused or {
            task: RemoteModel(task, self._settings) for task in self._settings.sources()
        }
        self._services = Services(self._settings, metrics, models)
        self._following: asyncio.Task[None] | None = None
        self._passed_over: dict[str, Version] = {}
        direct = {
            ("POST", "/recognize"): make_recognize_handler(self._services),
            ("POST", "/ocr"): make_ocr_handler(self._services),
        }
        self._door = Door(build_app(self._services), self._settings, metrics, direct)
        return self._door

    async def drain(self, at_once: bool) -> int:
        """Take no more requests, and end `at_once` those under way; return how many these are."""
        return self._door.drain(at_once)

    async def open_model(self, task: str, source: str) -> None:
        """Open a fused model beside the one that serves."""
        await asyncio.to_thread(self._fused[task].open, source)

    async def use_model(self, task: str, source: str) -> None:
        """Put a fused model that was opened to work, also in a process that began after the others had opened it."""
        if not self._fused[task].has_opened(source):
            await self.open_model(task, source)
        self._fused[task].use(source)
        self._services.forget()

    async def check_health(self) -> None:
        """Be healthy as long as this is answered; meanwhile, follow the storage."""
        if self._fused and (self._following is None or self._following.done()):
            self._following = asyncio.create_task(self._follow())

    async def _follow(self) -> None:
        """Take up what was promoted while this process started."""
        versions = Versions(self._settings.storage)
        for task, model in self._fused.items():
            version = await asyncio.to_thread(versions.settled, task)
            if version in (None, self._passed_over.get(task)) or model.is_of(version.source, version.graph):
                continue
            try:
                workers = await asyncio.to_thread(model.make_workers, version.source)
            except OcrError as error:
                log.warning("%s is not followed: %s", version.source, error)
                continue
            if version.graph not in ("", workers[0].runner.model.version):
                log.warning("%s is not followed: it holds another model by now", version.source)
                self._passed_over[task] = version  # it would be opened for ever
                continue
            # none was promoted meanwhile, here too
            if await asyncio.to_thread(versions.settled, task) == version:
                model.take(version.source, workers)
                self._services.forget()


def _open_fused(settings: Settings, given: bool) -> dict[str, FusedModel]:
    """Return the models of this process; none where they have replicas of their own.

    They are those that the record names, whatever the settings name by now: a process that begins is no new start.
    They must run on a GPU where the process was `given` one.
    """
    if settings.topology == "graph":
        return {}
    versions = Versions(settings.storage)
    serving = {task: versions.current(task) or find_serving(task, settings) for task in settings.sources()}
    return {task: FusedModel(task, version.source, settings, given) for task, version in serving.items()}


def build_app(services: Services) -> FastAPI:
    """Return the application with all routes, and the body of its errors."""
    app = FastAPIOffline(title="ocrtune", description="OCR over HTTP", docs_url=None, redoc_url="/docs")
    add_error_handlers(app)
    app.include_router(make_read_router(services))
    app.include_router(make_loop_router(open_loop(services.settings, services.lanes, services.replace)))
    app.api_route("/", methods=["GET", "HEAD"], include_in_schema=False)(_send_page)
    app.get("/metrics", include_in_schema=False)(_make_metrics_handler(services))
    app.mount("/web", StaticFiles(directory=WEB), name="web")
    return app


def _make_metrics_handler(services: Services) -> Any:
    async def metrics() -> Response:
        return Response(services.metrics.render(), media_type=CONTENT_TYPE)

    return metrics


def add_error_handlers(app: FastAPI) -> None:
    """Give every error of a route PaddleX's error body."""
    app.add_exception_handler(RequestValidationError, _answer_invalid)
    for kind in (OcrError, HTTPException, OSError, Exception):
        app.add_exception_handler(kind, _answer_error)


async def _send_page() -> FileResponse:
    return FileResponse(WEB / "index.html", headers={"Content-Security-Policy": POLICY})


async def _answer_invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    return JSONResponse(make_error_body(422, f"{place}: {first['msg']}", find_log_id(request.scope)), 422)


async def _answer_error(request: Request, error: Exception) -> JSONResponse:
    log_id = find_log_id(request.scope)
    status, text, headers = describe_error(error, log_id)
    return JSONResponse(make_error_body(status, text, log_id), status, headers)
