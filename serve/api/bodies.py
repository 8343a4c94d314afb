"""Bodies of requests and answers: JSON, base64 and PaddleX's envelope."""

import base64
import binascii
import json
from collections.abc import Container, Iterable, Mapping
from typing import Any, TypeVar

from fastapi import Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ValidationError
from python_multipart.multipart import parse_options_header
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException

from serve.api.door import make_log_id
from serve.errors import UndecodableError

M = TypeVar("M", bound=BaseModel)
V = TypeVar("V")
END_BYTES = 2**16
"""So near to its end a form has its last line: little may follow that."""


def respond(log_id: str | None, result: Mapping[str, Any], status: int = 200) -> JSONResponse:
    """Return an answer in PaddleX's envelope."""
    return JSONResponse(
        {"logId": log_id or make_log_id(), "result": result, "errorCode": 0, "errorMsg": "Success"}, status
    )


def validate(model: type[M], fields: Mapping[str, Any]) -> M:
    """Return a request's fields as its model; raise UndecodableError that names the first wrong one."""
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise UndecodableError(f"{place}: {first['msg']}", repr(first["input"])[:80], "see /docs") from error


def fields_in_address(request: Request, model: type[BaseModel]) -> dict[str, Any]:
    """Return the fields in a request's address, as `?rule=vin`: those of its body go before, an empty one is none."""
    return keep_once(
        ((key, value) for key, value in request.query_params.multi_items() if value), model.model_fields
    )


def parse_json(body: bytes, model: type[BaseModel]) -> Mapping[str, Any]:
    """Return a JSON object with the fields of a model; raise UndecodableError for anything else."""
    try:
        fields = json.loads(body, object_pairs_hook=lambda pairs: keep_once(pairs, model.model_fields))
    except (ValueError, RecursionError) as error:
        raise UndecodableError("the body must be JSON", str(error)[:80], "see /docs") from error
    if not isinstance(fields, dict):
        raise UndecodableError("the body must be a JSON object", type(fields).__name__, "see /docs")
    return fields


async def parse_form(
    request: Request, model: type[BaseModel]
) -> tuple[dict[str, str], list[tuple[str, bytes]]]:
    """Return the fields of a model and the named files in a form; raise UndecodableError if it cannot be parsed.

    A form without its last line lacks its last part, too: to the parser that is as if it had never been there.
    """
    _require_end(request.headers.get("content-type", ""), await request.body())
    try:
        async with request.form(max_files=10_000, max_fields=100) as form:
            files = [(key, await v.read()) for key, v in form.multi_items() if isinstance(v, UploadFile)]
            texts = ((key, value) for key, value in form.multi_items() if isinstance(value, str))
            return keep_once(texts, model.model_fields), files
    except (HTTPException, MultiPartException) as error:
        reason = getattr(error, "detail", None) or getattr(error, "message", "")
        raise UndecodableError("the body must be a form", str(reason)[:80], "see /docs") from error


def keep_once(pairs: Iterable[tuple[str, V]], known: Container[str]) -> dict[str, V]:
    """Return fields by their names; raise UndecodableError for a known one that comes twice: one would be lost."""
    fields: dict[str, V] = {}
    for name, value in pairs:
        if name in fields and name in known:
            raise UndecodableError("a field must be sent once", repr(name)[:80], "leave one of them out")
        fields[name] = value
    return fields


def _require_end(content_type: str, body: bytes) -> None:
    """Raise UndecodableError for a multipart form that breaks off."""
    boundary = parse_options_header(content_type)[1].get(b"boundary")
    if boundary and b"--" + boundary + b"--" not in body[-END_BYTES:]:
        raise UndecodableError("a form must be whole", "none of its last line", "send all of it")


def decode_base64(text: str) -> bytes:
    """Return the bytes, of either alphabet; a data URL's beginning is left out, and line ends of `base64` and MIME."""
    encoded = text.partition(",")[2] or text if text[:5].lower() == "data:" else text
    if "\n" in encoded or "\r" in encoded:
        encoded = "".join(encoded.split())
    try:
        return base64.b64decode(
            encoded, altchars=b"-_" if "-" in encoded or "_" in encoded else None, validate=True
        )
    except (binascii.Error, ValueError) as error:
        raise UndecodableError(
            "an image must be base64", repr(text[:20]), "encode the file's bytes"
        ) from error
