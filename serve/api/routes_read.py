"""Routes that read: lines, health, models."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from serve.api.bodies import (
    decode_base64,
    fields_in_address,
    note_log_id,
    parse_form,
    parse_json,
    read_kind,
    respond,
    validate,
)
from serve.api.door import Handler, make_log_id
from serve.api.rules import find_rule
from serve.errors import UndecodableError, UnsupportedError
from serve.intake.fetch import fetch
from serve.reading.services import Services
from serve.schemas import DecodedText, OcrResult, PageRequest, RecognizeRequest, RecognizeResult
from serve.schemas import Response as Envelope
from serve.topology import Layout

PARSED_AT_ONCE_BYTES = 2**20
"""JSON and base64 that are parsed in the event loop: a millisecond or two."""


def make_read_router(services: Services) -> APIRouter:
    """Return the router."""
    router = APIRouter()

    @router.get("/health")
    async def health() -> dict[str, Any]:
        """Say that the server lives, as PaddleX does, too."""
        return {"status": "ok", "logId": make_log_id(), "errorCode": 0, "errorMsg": "Healthy"}

    @router.get("/ready")
    async def ready(response: Response) -> dict[str, bool]:
        """Say whether every model has a replica."""
        response.status_code = 200 if (state := await services.ready()) else 503
        return {"ready": state}

    for path, handler in (("/health", health), ("/ready", ready)):
        router.head(path, include_in_schema=False)(handler)

    @router.get("/v1/models")
    async def models() -> dict[str, Any]:
        """List what is served: bundle, version, scores, what each model chose at start-up."""
        settings = services.settings
        where = {name: getattr(settings, name) for name in Layout._fields}
        return where | {"models": await services.facts()}

    router.post("/recognize", openapi_extra=_RECOGNIZE, response_model=Envelope[RecognizeResult])(
        make_recognize_handler(services)
    )
    router.post("/ocr", openapi_extra=_OCR, response_model=Envelope[OcrResult])(make_ocr_handler(services))
    return router


def make_recognize_handler(services: Services) -> Handler:
    """Return the handler of `/recognize`."""

    async def recognize(request: Request) -> JSONResponse:
        """Read images that show one text line each."""
        asked, files = await _read_lines(request, services)
        checks = find_rule(asked.rule) if asked.rule else None
        wanted = asked.alternatives + bool(asked.alternatives)  # the text itself may be among them
        readings, warnings = await services.read_lines(files, wanted)
        if asked.decode == "raw":
            readings = [reading.greedy for reading in readings]
        found = [
            {
                "text": reading.text,
                "confidence": reading.confidence,
                "alternatives": [
                    {"text": text, "confidence": p} for text, p in reading.others(asked.alternatives)
                ],
                "checks": checks(reading.text) if checks else None,
            }
            | ({"decoded": DecodedText.of(reading.decoded).model_dump()} if reading.decoded else {})
            | _warned(warned)
            for reading, warned in zip(readings, warnings, strict=True)
        ]
        return respond(asked.logId, {"lines": found})

    return recognize


def make_ocr_handler(services: Services) -> Handler:
    """Return the handler of `/ocr`."""

    async def ocr(request: Request) -> JSONResponse:
        """Find and read the text of a picture or PDF: PaddleX's basic serving protocol."""
        asked, data = await _read_document(request, services)
        options = await services.pages.options(asked)
        visualize = services.settings.visualize if asked.visualize is None else asked.visualize
        async with _hold_file(asked, data, services) as file:
            results, info, warnings = await services.documents.read(file, asked.fileType, options, visualize)
        return respond(asked.logId, {"ocrResults": results, "dataInfo": info} | _warned(warnings))

    return ocr


def _warned(warnings: Sequence[str]) -> dict[str, Any]:
    """Return the field that an answer has only where there is something to warn of."""
    return {"warnings": list(warnings)} if warnings else {}


async def _parse(body: bytes, model: type[BaseModel], services: Services) -> Mapping[str, Any]:
    """Return a body's JSON; a large one is parsed beside the event loop."""
    if len(body) <= PARSED_AT_ONCE_BYTES:
        return parse_json(body, model)
    return await services.lanes.small.run(parse_json, body, model)


async def _read_document(request: Request, services: Services) -> tuple[PageRequest, bytes | None]:
    """Return the request, and the file if it came in a form."""
    kind = read_kind(request)
    asked = fields_in_address(request, PageRequest)
    if kind != "multipart/form-data":
        fields = {**_with_number(asked), **await _parse(await request.body(), PageRequest, services)}
        note_log_id(request, fields)
        return validate(PageRequest, fields), None
    in_form, named = await parse_form(request, PageRequest)
    note_log_id(request, asked | in_form)
    if [name for name, _ in named] != ["file"]:
        names = ", ".join(name for name, _ in named)[:80]
        raise UndecodableError("a form must hold one file, named `file`", names or "none", "see /docs")
    return validate(PageRequest, _with_number(asked | in_form) | {"file": "in the form"}), named[0][1]


def _with_number(fields: dict[str, Any]) -> dict[str, Any]:
    """Return fields that were written as texts with the kind of the file as a number."""
    kinds = {"0": 0, "1": 1}
    return {key: kinds.get(value, value) if key == "fileType" else value for key, value in fields.items()}


@asynccontextmanager
async def _hold_file(asked: PageRequest, in_form: bytes | None, services: Services) -> AsyncIterator[bytes]:
    """Give the file of a request, as long as it is read."""
    settings = services.settings
    if in_form is not None:
        yield in_form
    elif asked.file[:8].lower().startswith(("http://", "https://")):
        fetching = partial(fetch, asked.file, settings.url_hosts, settings.limits)
        async with services.lanes.hold_fetched(fetching) as fetched:
            yield fetched
    elif asked.fileType is None:
        raise UndecodableError("fileType must be 0 for a PDF and 1 for an image", None, "say which it is")
    elif len(asked.file) <= PARSED_AT_ONCE_BYTES:
        yield decode_base64(asked.file)
    else:
        yield await services.lanes.small.run(decode_base64, asked.file)


async def _read_lines(request: Request, services: Services) -> tuple[RecognizeRequest, list[bytes]]:
    """Return the request and its image files, whichever way they came."""
    kind = read_kind(request)
    in_address = fields_in_address(request, RecognizeRequest)
    if kind == "application/json":
        fields = {**in_address, **await _parse(body := await request.body(), RecognizeRequest, services)}
        note_log_id(request, fields)
        asked = validate(RecognizeRequest, fields)
        if len(body) <= PARSED_AT_ONCE_BYTES:
            return asked, _decode_all(asked.images)
        return asked, await services.lanes.small.run(_decode_all, asked.images)
    if kind == "multipart/form-data":
        in_form, named = await parse_form(request, RecognizeRequest)
        note_log_id(request, in_address | in_form)
        if "images" in in_form:
            raise UndecodableError("the images of a form must be files", "a text", "send them as files")
        files = [data for _, data in named]
        return validate(
            RecognizeRequest, in_address | in_form | {"images": ["multipart"] * len(files)}
        ), files
    raise UnsupportedError(
        "content-type must be application/json or multipart/form-data",
        repr(kind),
        "send the images in one of these",
    )


def _decode_all(images: Sequence[str]) -> list[bytes]:
    return [decode_base64(text) for text in images]


def _describe_json(model: type[BaseModel]) -> dict[str, Any]:
    return {"application/json": {"schema": model.model_json_schema()}}


def _describe_form(model: type[BaseModel]) -> dict[str, Any]:
    """Return the description of a form with the fields of a body in JSON, whose `file` is a file there."""
    schema = model.model_json_schema()
    fields = {**schema["properties"], "file": {"type": "string", "format": "binary"}}
    return {"multipart/form-data": {"schema": {**schema, "properties": fields}}}


_OCR = {
    "requestBody": {"required": True, "content": _describe_json(PageRequest) | _describe_form(PageRequest)}
}
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
                        "decode": {"type": "string", "enum": ["text-model", "raw"]},
                    },
                }
            },
        },
    }
}
