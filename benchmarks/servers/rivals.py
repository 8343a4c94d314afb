"""The servers that `benchmarks/serving.py` is compared with, each as its own project would run it.

    python benchmarks/servers/rivals.py paddlex PORT      # PaddleX's basic serving of the OCR pipeline, onnxruntime
    python benchmarks/servers/rivals.py rapidocr PORT     # RapidOCR behind a plain FastAPI app
    python benchmarks/servers/rivals.py pipeline FILE...  # prints the pages/s of the PaddleOCR pipeline in this process

Both read with the models that ours reads with: PP-OCRv6 small detection and recognition.
"""

import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest import mock

sys.path[0] = str(Path(__file__).resolve().parents[2])  # not this folder: its files shadow others

import uvicorn
from fastapi import FastAPI, Request


def main(name: str, port: int) -> None:
    """Serve until killed."""
    app = {"paddlex": paddlex_app, "rapidocr": rapidocr_app}[name]()
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", access_log=False)


def pipeline_rate(files: Sequence[str]) -> float:
    """Return the pages/s of a pipeline that reads the files one after another, once more than it counts."""
    from tests.serve.paddle_reference import pipeline

    ocr = pipeline(Path(tempfile.mkdtemp()), threads=None)
    for file in files:
        ocr.predict(file, use_textline_orientation=False)
    started = time.perf_counter()
    for file in files:
        ocr.predict(file, use_textline_orientation=False)
    return len(files) / (time.perf_counter() - started)


def paddlex_app() -> Any:
    """Return PaddleX's own application around the PaddleOCR pipeline."""
    import importlib

    from tests.serve.paddle_reference import pipeline

    with mock.patch("paddlex.utils.deps.require_serving_plugin"):  # asks for packages of its cloud storage
        serving = importlib.import_module("paddlex.inference.serving.basic_serving._pipeline_apps.ocr")
        config = importlib.import_module("paddlex.inference.serving.infra.config")
    ocr = pipeline(Path(tempfile.mkdtemp()), threads=None)
    return serving.create_pipeline_app(ocr.paddlex_pipeline, config.AppConfig(extra={}, visualize=False))


def rapidocr_app() -> FastAPI:
    """Return what one would write around RapidOCR."""
    import cv2
    import numpy as np
    from rapidocr import RapidOCR
    from starlette.concurrency import run_in_threadpool

    engine: Any = RapidOCR(
        params={"Global.use_cls": False, "Global.log_level": "error"}
    )  # its wheel's small models
    app = FastAPI()

    @app.post("/ocr")
    async def ocr(request: Request) -> dict[str, Any]:
        return await answer(request)

    @app.post("/read")
    async def read(request: Request) -> dict[str, Any]:
        return await answer(request, use_det=False, use_cls=False)

    async def answer(request: Request, **how: bool) -> dict[str, Any]:
        image = cv2.imdecode(np.frombuffer(await request.body(), np.uint8), cv2.IMREAD_COLOR)
        found = await run_in_threadpool(engine, image, **how)
        return {"texts": list(found.txts or ()), "scores": [float(score) for score in found.scores or ()]}

    return app


if __name__ == "__main__":
    if sys.argv[1] == "pipeline":
        print(pipeline_rate(sys.argv[2:]))
    else:
        main(sys.argv[1], int(sys.argv[2]))
