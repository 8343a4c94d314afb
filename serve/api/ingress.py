"""The deployment that speaks HTTP: one ASGI application, its middleware and its routes."""

from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, Response
from fastapi_offline import FastAPIOffline
from ray import serve
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from serve.api.door import Door, describe_error, make_error_body
from serve.api.routes_loop import make_loop_router, open_loop
from serve.api.routes_read import make_ocr_handler, make_read_router, make_recognize_handler
from serve.inference.fused import FusedModel
from serve.inference.replicas import RemoteModel
from serve.loop.versions import find_serving
from serve.metrics import CONTENT_TYPE, Metrics
from serve.reading.services import ServedModel, Services
from serve.settings import Settings
from train.errors import OcrError

WEB = Path(__file__).parent.parent / "web"
POLICY = "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; frame-ancestors 'none'; base-uri 'none'"


@serve.deployment
@serve.ingress()
class Ingress:
    """Speaks HTTP; pictures are decoded here and cross to the models as arrays, once."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self._settings = Settings.model_validate(settings)

    def __serve_build_asgi_app__(self) -> Any:
        metrics = Metrics()
        models = {task: _open_model(task, self._settings) for task in self._settings.sources()}
        services = Services(self._settings, metrics, models)
        direct = {
            ("POST", "/recognize"): make_recognize_handler(services),
            ("POST", "/ocr"): make_ocr_handler(services),
        }
        self._door = Door(build_app(services), self._settings, metrics, direct)
        return self._door

    async def drain(self, at_once: bool) -> int:
        """Take no more requests, and end `at_once` those under way; return how many these are."""
        return self._door.drain(at_once)


def _open_model(task: str, settings: Settings) -> ServedModel:
    if settings.topology == "fused":
        return FusedModel(task, find_serving(task, settings).source, settings)
    return RemoteModel(task, settings)


def build_app(services: Services) -> FastAPI:
    """Return the application with all routes, and the body of its errors."""
    app = FastAPIOffline(title="ocrtune", description="OCR over HTTP", docs_url=None, redoc_url="/docs")
    add_error_handlers(app)
    app.include_router(make_read_router(services))
    app.include_router(make_loop_router(open_loop(services.settings, services.replace)))
    app.get("/", include_in_schema=False)(_send_page)
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


async def _answer_invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    return JSONResponse(make_error_body(422, f"{place}: {first['msg']}"), 422)


async def _answer_error(_: Request, error: Exception) -> JSONResponse:
    status, text, headers = describe_error(error)
    return JSONResponse(make_error_body(status, text), status, headers)
