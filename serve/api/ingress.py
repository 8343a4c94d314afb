"""The HTTP side: one ASGI application, its door and its routes."""

from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, Response
from fastapi_offline import FastAPIOffline
from ray import serve
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from serve.api.door import Door, make_error_body
from serve.api.routes_loop import make_loop_router, open_loop
from serve.api.routes_read import make_ocr_handler, make_read_router, make_recognize_handler
from serve.errors import BusyError, RequestError
from serve.metrics import CONTENT_TYPE, Metrics
from serve.reading.services import Services
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
        services = Services(self._settings, metrics)
        direct = {
            ("POST", "/recognize"): make_recognize_handler(services),
            ("POST", "/ocr"): make_ocr_handler(services),
        }
        return Door(build_app(services), self._settings, metrics, direct)


def build_app(services: Services) -> FastAPI:
    """Return the routes and their error bodies."""
    app = FastAPIOffline(title="ocrtune", description="OCR over HTTP", docs_url=None, redoc_url="/docs")
    app.add_exception_handler(OcrError, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.include_router(make_read_router(services))
    app.include_router(make_loop_router(open_loop(services.settings, services.replace)))
    app.get("/", include_in_schema=False)(_page)
    app.get("/metrics", include_in_schema=False)(_metrics(services))
    app.mount("/web", StaticFiles(directory=WEB), name="web")
    return app


def _metrics(services: Services) -> Any:
    async def metrics() -> Response:
        return Response(services.metrics.text(), media_type=CONTENT_TYPE)

    return metrics


async def _page() -> FileResponse:
    return FileResponse(WEB / "index.html", headers={"Content-Security-Policy": POLICY})


async def _refused(_: Request, error: Exception) -> JSONResponse:
    status = error.http_status if isinstance(error, RequestError) else 500
    headers = {"Retry-After": str(error.retry_after_s)} if isinstance(error, BusyError) else None
    return JSONResponse(make_error_body(status, str(error)), status, headers)


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    return JSONResponse(make_error_body(422, f"{place}: {first['msg']}"), 422)


async def _http(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return JSONResponse(make_error_body(error.status_code, str(error.detail)), error.status_code)
