"""Routes that read: lines, health, models."""

import asyncio
import base64
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from serve.api.bodies import decode_base64, parse_form, parse_json, respond, validate
from serve.api.door import Handler
from serve.api.rules import find_rule
from serve.errors import UndecodableError, UnsupportedError
from serve.intake.fetch import fetch
from serve.intake.guard import Document, decode_document, decode_images, line_warnings
from serve.reading.page import Page, make_pruned_result
from serve.reading.services import Services
from serve.reading.visualize import draw_jpeg, encode_jpeg
from serve.schemas import OcrRequest, OcrResult, RecognizeRequest, RecognizeResult
from serve.schemas import Response as Envelope
from train.data.images import MAX_ASPECT, Image, too_long


def make_read_router(services: Services) -> APIRouter:
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

    router.post("/recognize", openapi_extra=_RECOGNIZE, response_model=Envelope[RecognizeResult])(
        make_recognize_handler(services)
    )
    router.post("/ocr", openapi_extra=_OCR, response_model=Envelope[OcrResult])(make_ocr_handler(services))
    return router


def make_recognize_handler(services: Services) -> Handler:
    """Return the handler of `/recognize`."""

    async def recognize(request: Request) -> JSONResponse:
        """Read images that show one text line each."""
        asked, files = await _read_lines(request)
        checks = find_rule(asked.rule) if asked.rule else None
        lines = decode_images(files, services.settings.limits)
        warned = [_warned(line_warnings(data)) for data in files]
        _require_lines(lines)
        readings = await services.recognise(lines, asked.alternatives)
        found = [
            {
                "text": reading.text,
                "confidence": reading.confidence,
                "alternatives": [{"text": text, "confidence": p} for text, p in reading.alternatives],
                "checks": checks(reading.text) if checks else None,
            }
            | warning
            for reading, warning in zip(readings, warned, strict=True)
        ]
        return respond(asked.logId, {"lines": found})

    return recognize


def make_ocr_handler(services: Services) -> Handler:
    """Return the handler of `/ocr`."""

    async def ocr(request: Request) -> JSONResponse:
        """Find and read the text of a picture or PDF: PaddleX's basic serving protocol."""
        asked = validate(OcrRequest, parse_json(await request.body()))
        document = await _read_document(asked, services)
        pages = await services.pages.read(document.pages, asked)
        visualize = services.settings.visualize if asked.visualize is None else asked.visualize
        results = await asyncio.to_thread(_make_results, document.pages, pages, visualize)
        answer = {"ocrResults": results, "dataInfo": document.info}
        return respond(asked.logId, answer | _warned(document.warnings))

    return ocr


def _warned(warnings: Sequence[str]) -> dict[str, Any]:
    """Return the field that an answer has only where there is something to warn of."""
    return {"warnings": list(warnings)} if warnings else {}


async def _read_document(asked: OcrRequest, services: Services) -> Document:
    settings, kind = services.settings, asked.fileType
    if asked.file.startswith(("http://", "https://")):
        data = await fetch(asked.file, settings.url_hosts, settings.limits)
    elif kind is None:
        raise UndecodableError("fileType must be 0 for a PDF and 1 for an image", None, "say which it is")
    else:
        data = decode_base64(asked.file)
    return await asyncio.to_thread(decode_document, data, kind, settings.limits)


def _make_results(images: Sequence[Image], pages: Sequence[Page], visualize: bool) -> list[dict[str, Any]]:
    return [
        {
            "prunedResult": make_pruned_result(page),
            "ocrImage": _encode_base64(draw_jpeg(image, page)) if visualize else None,
            "docPreprocessingImage": None,
            "inputImage": _encode_base64(encode_jpeg(image)) if visualize else None,
        }
        for image, page in zip(images, pages, strict=True)
    ]


def _encode_base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


async def _read_lines(request: Request) -> tuple[RecognizeRequest, list[bytes]]:
    """Return the request and its image files, whichever way they came."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        asked = validate(RecognizeRequest, parse_json(await request.body()))
        return asked, [decode_base64(text) for text in asked.images]
    if kind == "multipart/form-data":
        fields, named = await parse_form(request)
        files = [data for _, data in named]
        return validate(RecognizeRequest, fields | {"images": ["multipart"] * len(files)}), files
    raise UnsupportedError(
        "content-type must be application/json or multipart/form-data",
        repr(kind),
        "send the images in one of these",
    )


def _require_lines(images: Sequence[Image]) -> None:
    """Raise UndecodableError for an image that is too long to be a line."""
    for number, image in enumerate(images, 1):
        height, width = image.shape[:2]
        if too_long(height, width):
            raise UndecodableError(
                f"a line must be at most {MAX_ASPECT} times as wide as it is high",
                f"{width}x{height} px as image {number}",
                "cut it in two",
            )


def _describe_json(model: type[BaseModel]) -> dict[str, Any]:
    return {"application/json": {"schema": model.model_json_schema()}}


_OCR = {"requestBody": {"required": True, "content": _describe_json(OcrRequest)}}
_RECOGNIZE = {
    "requestBody": {
        "required": True,
        "content": _describe_json(RecognizeRequest)
        | {
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
        },
    }
}
