"""The protocol's fields are those of PaddleX's own server."""

import json
import types
from typing import Any, Literal, get_args, get_origin

import pytest
from pydantic import BaseModel, ValidationError

from serve.api.door import make_error_body
from serve.schemas import (
    ImageInfo,
    OcrPage,
    OcrRequest,
    OcrResult,
    PagesInfo,
    PageSize,
    Response,
)
from tests.serve.paddle_reference import serving_module


def theirs(name: str) -> type[BaseModel]:
    for module in ("schemas.ocr", "infra.models"):
        if found := getattr(serving_module(module), name, None):
            model: type[BaseModel] = found
            return model
    raise AssertionError(name)


def bare(annotation: Any) -> Any:
    """Return a type without what only narrows it: `Annotated`, and the order of a union."""
    if get_origin(annotation) is None:
        return annotation
    if hasattr(annotation, "__metadata__"):
        return bare(annotation.__origin__)
    parts = tuple(bare(part) for part in get_args(annotation))
    if get_origin(annotation) is Literal:
        return Literal[parts]
    is_union = isinstance(annotation, types.UnionType) or get_origin(annotation) is not list
    return frozenset(parts) if is_union else (list, parts)


def fields(model: type[BaseModel]) -> dict[str, tuple[Any, Any]]:
    return {name: (bare(field.annotation), field.default) for name, field in model.model_fields.items()}


def test_the_request_has_paddlexs_fields_types_and_defaults() -> None:
    assert fields(OcrRequest) == fields(theirs("InferRequest"))
    assert list(OcrRequest.model_fields) == list(theirs("InferRequest").model_fields)


def test_a_page_has_paddlexs_fields() -> None:
    assert list(OcrPage.model_fields) == list(theirs("OCRResult").model_fields)
    assert list(OcrResult.model_fields) == [*theirs("InferResult").model_fields, "warnings"]


def response(info: Any) -> Response[OcrResult]:
    pages = [OcrPage(prunedResult={"rec_texts": ["a"]}, inputImage="eA==")]
    return Response[OcrResult](logId="1", result=OcrResult(ocrResults=pages, dataInfo=info))


@pytest.mark.parametrize(
    "info",
    [
        ImageInfo(width=2, height=1),
        PagesInfo(numPages=1, pages=[PageSize(width=2, height=1)], type="pdf"),
        PagesInfo(numPages=1, pages=[PageSize(width=2, height=1)], type="tiff"),
    ],
)
def test_an_answer_is_paddlexs_to_the_letter(info: BaseModel) -> None:
    ours = response(info).model_dump_json(exclude_none=True)
    envelope: Any = theirs("AIStudioResultResponse")
    model = envelope[theirs("InferResult")]
    assert model.model_validate_json(ours).model_dump_json(exclude_none=True) == ours


def test_an_error_is_paddlexs_to_the_letter() -> None:
    ours = make_error_body(422, "no", "1")
    assert theirs("AIStudioNoResultResponse").model_validate(ours).model_dump() == ours


@pytest.mark.parametrize(
    "wrong",
    [
        {"fileType": 2},
        {"file": None},
        {"textDetThresh": "high"},
        {"textDetThresh": float("nan")},
        {"textDetUnclipRatio": 1e300},
        {"textDetLimitSideLen": -1},
        {"textDetLimitSideLen": 10**400},
        {"useTextlineOrientation": "perhaps"},
    ],
)
def test_what_would_fail_later_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        OcrRequest.model_validate({"file": ""} | wrong)


def test_fields_of_other_versions_are_let_pass() -> None:
    body = json.dumps({"file": "eA==", "fileType": 1, "returnUrls": False, "textDetThresh": None})
    assert OcrRequest.model_validate_json(body).fileType == 1
