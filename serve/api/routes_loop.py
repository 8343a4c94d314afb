"""Routes that close the loop: corrections, retraining on them, and putting the result to work."""

from dataclasses import asdict, dataclass
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from serve.api.bodies import decode_base64, keep_once, parse_form, parse_json, read_kind, respond, validate
from serve.errors import UndecodableError, UnsupportedError
from serve.intake.lanes import Lanes
from serve.loop.corrections import CorrectionStore
from serve.loop.retrain import TASK, Retrainings
from serve.loop.retrain_plan import RetrainRequest
from serve.loop.versions import Apply, Version, Versions
from serve.settings import Settings
from train.data.images import Image

FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")
JSON = "application/json"
PNG_HEADERS = {"Cache-Control": "private, max-age=3600", "X-Content-Type-Options": "nosniff"}


class CorrectionRequest(BaseModel):
    """Body of `POST /corrections`.

    Attributes:
        image: one line; base64 in JSON, a file in a form.
        text: what it says.
        original: what was read instead.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    image: str
    text: str
    original: str | None = None


class PromoteRequest(BaseModel):
    """Body of `POST /v1/models/promote`: the new model of a retraining, or one that served before.

    Attributes:
        job: id of a retraining.
        bundle: name or version of a model that served before.
        force: put a retraining's model to work whatever came of the comparison.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    task: str = Field(TASK, pattern="^(recognition|detection|orientation)$")
    job: str | None = None
    bundle: str | None = None
    force: bool = False


class RollbackRequest(BaseModel):
    """Body of `POST /v1/models/rollback`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    task: str = Field(TASK, pattern="^(recognition|detection|orientation)$")


@dataclass(frozen=True)
class Loop:
    """What the routes work with.

    Attributes:
        lanes: where pictures are decoded.
        apply: puts a task's bundle, or a pretrained model by its name, to work; returns when it serves.
    """

    corrections: CorrectionStore
    versions: Versions
    retrainings: Retrainings
    lanes: Lanes
    apply: Apply


def open_loop(settings: Settings, lanes: Lanes, apply: Apply) -> Loop:
    """Return the loop whose files lie in the settings' storage."""
    corrections = CorrectionStore(settings.storage / "corrections")
    versions = Versions(settings.storage)
    retrainings = Retrainings(
        settings.storage / "retrain", corrections, versions, general_labels=settings.general_labels
    )
    return Loop(corrections, versions, retrainings, lanes, apply)


def make_loop_router(loop: Loop) -> APIRouter:
    """Return the router; whatever touches a disk or the cluster runs in a thread of its own."""
    router = APIRouter()
    _add_corrections(router, loop)
    _add_retraining(router, loop)
    _add_models(router, loop)
    return router


def _add_corrections(router: APIRouter, loop: Loop) -> None:
    @router.post("/corrections", openapi_extra=_describe_body(CorrectionRequest, "image"))
    async def add(request: Request) -> JSONResponse:
        """Store a line and its right text; the same picture once more replaces its text."""
        fields, files = await _read_body(request, CorrectionRequest, "image")
        image = files.get("image")
        asked = validate(CorrectionRequest, fields if image is None else fields | {"image": "a file"})

        def store(pixels: Image) -> dict[str, Any]:
            correction, created = loop.corrections.add(pixels, asked.text, asked.original)
            return {"id": correction.id, "created": created, "count": loop.corrections.count()}

        file = await run_in_threadpool(decode_base64, asked.image) if image is None else image
        async with loop.lanes.hold_picture(file) as pixels:
            return respond(None, await run_in_threadpool(store, pixels))

    @router.get("/corrections")
    def page(
        offset: Annotated[int, Query(ge=0, le=10**9)] = 0, limit: Annotated[int, Query(ge=1, le=1000)] = 100
    ) -> JSONResponse:
        """List corrections, the newest first."""
        items = [asdict(correction) for correction in loop.corrections.page(offset, limit)]
        return respond(None, {"count": loop.corrections.count(), "items": items})

    @router.get("/corrections/{key}/image", response_class=Response)
    def picture(key: str) -> Response:
        """Return a correction's picture, a PNG."""
        return Response(loop.corrections.image(key), media_type="image/png", headers=PNG_HEADERS)

    @router.delete("/corrections/{key}")
    def remove(key: str) -> JSONResponse:
        """Remove a correction."""
        loop.corrections.remove(key)
        return respond(None, {"count": loop.corrections.count()})


def _add_retraining(router: APIRouter, loop: Loop) -> None:
    @router.post("/api/retrain", status_code=202, openapi_extra=_describe_body(RetrainRequest))
    async def start(request: Request) -> JSONResponse:
        """Train on the corrections, starting from what serves now."""
        fields, _ = await _read_body(request, RetrainRequest)
        # A form sends the fields that were left empty, too.
        asked = validate(RetrainRequest, {key: value for key, value in fields.items() if value != ""})
        return respond(None, {"id": await run_in_threadpool(loop.retrainings.start, asked)}, 202)

    @router.get("/api/retrain")
    def jobs() -> JSONResponse:
        """List the retrainings, the newest first."""
        return respond(None, {"jobs": [status.as_dict() for status in loop.retrainings.all()]})

    @router.get("/api/retrain/{key}")
    def status(key: str) -> JSONResponse:
        """Return a retraining's state, progress and scores against the serving model."""
        return respond(None, loop.retrainings.status(key).as_dict())

    @router.delete("/api/retrain/{key}")
    def cancel(key: str) -> JSONResponse:
        """End a retraining that is under way."""
        return respond(None, loop.retrainings.cancel(key).as_dict())


def _add_models(router: APIRouter, loop: Loop) -> None:
    @router.post("/v1/models/promote", openapi_extra=_describe_body(PromoteRequest))
    async def promote(request: Request) -> JSONResponse:
        """Put a better model, or one that served before, to work; no request is lost."""
        asked = validate(PromoteRequest, (await _read_body(request, PromoteRequest))[0])

        def replace() -> Version:
            if asked.job is not None and asked.bundle is None and asked.task == TASK:
                judge = partial(loop.retrainings.bundle, asked.job, asked.force)
                return loop.versions.promote(TASK, asked.job, judge(), loop.apply, judge)
            if asked.bundle is not None and asked.job is None:
                earlier = loop.versions.named(asked.task, asked.bundle)
                return loop.versions.promote(asked.task, earlier.name, earlier.directory, loop.apply)
            raise UndecodableError(
                "what to promote must be a recognition job or a bundle",
                asked.model_dump(),
                "name one of them",
            )

        return respond(None, _describe_version(asked.task, await run_in_threadpool(replace)))

    @router.post("/v1/models/rollback", openapi_extra=_describe_body(RollbackRequest))
    async def rollback(request: Request) -> JSONResponse:
        """Put the model that served before to work again."""
        asked = validate(RollbackRequest, (await _read_body(request, RollbackRequest))[0])
        version = await run_in_threadpool(loop.versions.rollback, asked.task, loop.apply)
        return respond(None, _describe_version(asked.task, version))


def _describe_version(task: str, version: Version) -> dict[str, Any]:
    return {"task": task, "version": version.version, "name": version.name}


async def _read_body(
    request: Request, model: type[BaseModel], file: str | None = None
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Return the fields and the files of a form or a JSON body; an empty body has none, a form no other than `file`."""
    kind = read_kind(request)
    if kind in FORMS:
        fields, named = await parse_form(request, model)
        files = keep_once(named, {name for name, _ in named})
        if others := sorted(files.keys() - {file}):
            rule = f"a form must hold no file but `{file}`" if file else "a form must hold no file here"
            raise UndecodableError(rule, repr(others[0])[:80], "leave it out")
        return fields, files
    body = await request.body()
    if kind in (JSON, "") and not body:
        return {}, {}
    if kind != JSON:
        raise UnsupportedError(
            f"content-type must be {JSON}, {' or '.join(FORMS)}", repr(kind), "send one of these"
        )
    return dict(parse_json(body, model)), {}


def _describe_body(model: type[BaseModel], file: str | None = None) -> dict[str, Any]:
    """Return the OpenAPI description of a body in JSON or a form, whose field `file` is a file there."""
    schema = model.model_json_schema()
    form = {**schema, "properties": dict(schema["properties"])}
    if file is not None:
        form["properties"][file] = {"type": "string", "format": "binary"}
    kinds = {JSON: schema} | dict.fromkeys(FORMS if file is None else FORMS[:1], form)
    return {"requestBody": {"content": {kind: {"schema": shape} for kind, shape in kinds.items()}}}
