"""Routes that read: lines, health, models."""

import base64
import binascii
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.datastructures import UploadFile

from serve.errors import UndecodableError, UnsupportedError
from serve.guard import decode_images
from serve.middleware import new_log_id
from serve.rules import rule
from serve.services import Services


class RecognizeRequest(BaseModel):
    """JSON body of `/recognize`.

    Attributes:
        images: base64 of image files, one line each.
        rule: name of a rule that each text is held against, e.g. `vin`.
        alternatives: how many of the likeliest texts to give for each line.
        logId: returned as it is.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    images: list[str] = Field(min_length=1)
    rule: str | None = None
    alternatives: int = Field(default=0, ge=0, le=10)
    logId: str | None = None  # noqa: N815  (PaddleX's name)


def read_routes(services: Services) -> APIRouter:
    """Return the router."""
    router = APIRouter()

    @router.get("/health")
    async def health() -> dict[str, str]:
        """Say that the server lives."""
        return {"status": "ok"}

    @router.get("/ready")
    async def ready(response: Response) -> dict[str, bool]:
        """Say whether every model has a replica."""
        response.status_code = 200 if (state := await services.ready()) else 503
        return {"ready": state}

    @router.get("/v1/models")
    async def models() -> dict[str, Any]:
        """List what is served: bundle, version, scores, what the replicas chose at start-up."""
        return {"models": await services.facts()}

    router.post("/recognize", openapi_extra=_BODY)(recognize_handler(services))
    return router


def recognize_handler(services: Services) -> Callable[[Request], Awaitable[JSONResponse]]:
    """Return the handler of `/recognize`."""

    async def recognize(request: Request) -> JSONResponse:
        """Read images that show one text line each."""
        asked, files = await _lines_of(request)
        checks = rule(asked.rule) if asked.rule else None
        lines = decode_images(files, services.settings.limits)
        readings = await services.recognise(lines, asked.alternatives)
        found = [
            {
                "text": reading.text,
                "confidence": reading.confidence,
                "alternatives": [{"text": text, "confidence": p} for text, p in reading.alternatives],
                "checks": checks(reading.text) if checks else None,
            }
            for reading in readings
        ]
        log_id = asked.logId or new_log_id()
        return JSONResponse(
            {"logId": log_id, "errorCode": 0, "errorMsg": "Success", "result": {"lines": found}}
        )

    return recognize


async def _lines_of(request: Request) -> tuple[RecognizeRequest, list[bytes]]:
    """Return the request and its image files, whichever way they came."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        asked = _validated(json_body(await request.body()))
        return asked, [from_base64(text) for text in asked.images]
    if kind == "multipart/form-data":
        async with request.form(max_files=10_000) as form:
            files = [await value.read() for _, value in form.multi_items() if isinstance(value, UploadFile)]
            fields = {key: value for key, value in form.items() if isinstance(value, str)}
        return _validated(fields | {"images": ["multipart"] * len(files)}), files
    raise UnsupportedError(
        "content-type must be application/json or multipart/form-data",
        repr(kind),
        "send the images in one of these",
    )


def _validated(fields: Mapping[str, Any]) -> RecognizeRequest:
    try:
        return RecognizeRequest.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise UndecodableError(f"{place}: {first['msg']}", repr(first["input"])[:80], "see /docs") from error


def json_body(body: bytes) -> Mapping[str, Any]:
    """Return a JSON object; raise UndecodableError for anything else."""
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise UndecodableError("the body must be JSON", str(error)[:80], "see /docs") from error
    if not isinstance(fields, dict):
        raise UndecodableError("the body must be a JSON object", type(fields).__name__, "see /docs")
    return fields


def from_base64(text: str) -> bytes:
    """Return the bytes; a data URL's beginning is left out."""
    encoded = text.partition(",")[2] if text.startswith("data:") else text
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise UndecodableError(
            "an image must be base64", repr(text[:20]), "encode the file's bytes"
        ) from error


_BODY = {
    "requestBody": {
        "content": {
            "application/json": {"schema": RecognizeRequest.model_json_schema()},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "files": {"type": "array", "items": {"type": "string", "format": "binary"}},
                        "rule": {"type": "string"},
                        "alternatives": {"type": "integer"},
                    },
                }
            },
        }
    }
}
