"""Bodies of requests and answers: JSON, base64 and PaddleX's envelope."""

import base64
import binascii
import json
from collections.abc import Container, Iterable, Mapping
from contextlib import suppress
from typing import Any, TypeVar

from fastapi import Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, TypeAdapter, ValidationError
from python_multipart.multipart import parse_options_header
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException

from serve.api.door import LOG_ID, make_log_id
from serve.errors import TooLargeError, UndecodableError
from serve.schemas import LogId

M = TypeVar("M", bound=BaseModel)
V = TypeVar("V")
END_BYTES = 2**16
"""So near to its end a form has its last line: little may follow that."""
MOST_VALUES, MOST_PARTS = 10_000, 2000
"""In JSON, and of a form: each of them takes more time and memory than its few bytes say."""
VALUES_BEGIN = b",[{"
PIECE_BYTES = 2**16
MOST_NAMED = 1000
MOST_CODED_BYTES = 2**20
"""Of a form that is no multipart one: %41 is decoded one by one, a fifth of a second for these."""
_LOG_ID: TypeAdapter[str] = TypeAdapter(LogId)
BLANKS = b" \t\n\r\v\f"


def respond(log_id: str | None, result: Mapping[str, Any], status: int = 200) -> JSONResponse:
    """Return an answer in PaddleX's envelope."""
    return JSONResponse(
        {"logId": log_id or make_log_id(), "result": result, "errorCode": 0, "errorMsg": "Success"}, status
    )


def note_log_id(request: Request, fields: Mapping[str, Any]) -> None:
    """Note the logId among a request's fields: its answer has it, also where that is an error."""
    log_id = fields.get("logId")
    if log_id is not None:  # to refuse None takes as long as to decode a small picture
        with suppress(ValidationError):
            request.scope[LOG_ID] = _LOG_ID.validate_python(log_id, strict=True)


def read_kind(request: Request) -> str:
    """Return a body's content type, lower case, without its parameters; empty for none."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def validate(model: type[M], fields: Mapping[str, Any]) -> M:
    """Return a request's fields as its model; raise UndecodableError that names the first wrong one."""
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise UndecodableError(f"{place}: {first['msg']}", repr(first["input"])[:80], "see /docs") from error


def fields_in_address(request: Request, model: type[BaseModel]) -> dict[str, Any]:
    """Return the fields in a request's address, as `?rule=vin`: those of its body go before, an empty one is none.

    Its logId is noted: what goes wrong from here on is answered with it.
    """
    if not request.scope["query_string"]:
        return {}
    note_log_id(request, request.query_params)
    return keep_once(
        ((key, value) for key, value in request.query_params.multi_items() if value), model.model_fields
    )


def parse_json(body: bytes, model: type[BaseModel]) -> Mapping[str, Any]:
    """Return a JSON object with the fields of a model; raise UndecodableError or TooLargeError for anything else."""
    _require_few_values(body)
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
    _check_parts(request.headers.get("content-type", ""), await request.body())
    try:
        async with request.form(max_files=MOST_PARTS, max_fields=100) as form:
            files = [(key, await v.read()) for key, v in form.multi_items() if isinstance(v, UploadFile)]
            texts = [(key, value) for key, value in form.multi_items() if isinstance(value, str)]
    except (HTTPException, MultiPartException) as error:
        reason = getattr(error, "detail", None) or getattr(error, "message", "")
        raise UndecodableError("the body must be a form", str(reason)[:80], "see /docs") from error
    fields = keep_once(texts, model.model_fields)
    keep_once([*fields.items(), *dict(files).items()], model.model_fields)  # nor as a text and a file
    return fields, files


def keep_once(pairs: Iterable[tuple[str, V]], known: Container[str]) -> dict[str, V]:
    """Return fields by their names; raise UndecodableError for a known one that comes twice: one would be lost."""
    fields: dict[str, V] = {}
    for name, value in pairs:
        if name in fields and name in known:
            raise UndecodableError("a field must be sent once", repr(name)[:80], "leave one of them out")
        fields[name] = value
    return fields


def _check_parts(content_type: str, body: bytes) -> None:
    """Raise UndecodableError for a multipart form that breaks off, TooLargeError for what is parsed for seconds."""
    if len(content_type) > MOST_NAMED:
        raise UndecodableError(
            f"a content-type must have at most {MOST_NAMED} characters", "more", "shorten it"
        )
    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary")
    if not boundary:
        if kind == b"multipart/form-data":
            rule = "the content-type of a multipart form must name its boundary"
            raise UndecodableError(rule, repr(content_type)[:80], "leave it to the client's library")
        if len(body) > MOST_CODED_BYTES:
            rule = f"a form must have at most {MOST_CODED_BYTES} bytes if it is not multipart"
            raise TooLargeError(rule, len(body), "send multipart/form-data")
        return
    if b"--" + boundary + b"--" not in body[-END_BYTES:]:
        raise UndecodableError("a form must be whole", "none of its last line", "send all of it")
    if body.count(b"\r\n--" + boundary) > MOST_PARTS:
        raise TooLargeError(f"a form must have at most {MOST_PARTS} parts", "more", "send several")


def _require_few_values(body: bytes) -> None:
    """Raise TooLargeError for JSON of so many values that they would be parsed, and refused, for seconds."""
    count = 0
    for start in range(0, len(body), PIECE_BYTES):
        count += sum(body.count(mark, start, start + PIECE_BYTES) for mark in VALUES_BEGIN)
        if count > MOST_VALUES:
            raise TooLargeError(f"JSON must hold at most {MOST_VALUES} values", "more", "send them in parts")


def decode_base64(text: str) -> bytes:
    """Return the bytes, of either alphabet; a data URL's beginning is left out, and line ends of `base64` and MIME.

    Texts in the alphabet of URLs often come without the `=` at their end (RFC 4648, 3.2).
    """
    encoded = text.partition(",")[2] or text if text[:5].lower() == "data:" else text
    try:
        data = encoded.strip().encode("ascii")
        if b"\n" in data or b"\r" in data:
            data = data.translate(None, BLANKS)
        if b"-" not in data and b"_" not in data:
            return base64.b64decode(data, validate=True)
        return base64.b64decode(data + b"=" * (-len(data) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise UndecodableError(
            "an image must be base64", repr(text[:20]), "encode the file's bytes"
        ) from error
