"""DeepSeek-OCR 2 (Wei et al., 2026) as transformers holds it: a SAM encoder, a visual language encoder, a decoder.

Its weights, some 7 GB, are a download; nothing of them is fetched without being asked for.
"""

import json
from pathlib import Path

from train.errors import ModelError
from train.models import MODELS
from train.models.recognition.language import Language, LanguageModel

NAME = "deepseek-ocr-2"
DOWNLOAD = "hf download deepseek-community/DeepSeek-OCR-2 --local-dir DIR"
MODEL_TYPE = "deepseek_ocr2"
PROMPT = "\nFree OCR. "  # the model card's, after the image
TILE_PX = 768  # one view of a line: the model's smaller resolution
GROUPS = (
    ("language_model", "head"),
    ("lm_head", "head"),
    ("multi_modal_projector", "neck"),
    ("view_separator", "neck"),
    ("vision_encoder", "backbone.late"),
    ("query_", "backbone.late"),
    ("sam_encoder.layers", "backbone.early"),
    ("sam_encoder.neck", "backbone.early"),
    ("sam_encoder.proj", "backbone.early"),
)


class DeepSeekOCR(LanguageModel):
    """Adapters go into the attention of the visual and of the text decoder."""

    adapted = ("q_proj", "k_proj", "v_proj", "o_proj")

    def group(self, name: str) -> str:
        """The text decoder is the head, the projection the neck, the visual encoder the late backbone."""
        return next((group for part, group in GROUPS if part in name), "stem")

    def language(self, weights: Path | None, dtype: str) -> Language:
        """Return the model and its prompt: the image's places, then the question."""
        folder = _folder(weights)
        import torch
        import transformers

        transformers.utils.logging.disable_progress_bar()
        network, found = transformers.DeepseekOcr2ForConditionalGeneration.from_pretrained(
            folder, dtype=getattr(torch, dtype), local_files_only=True, output_loading_info=True
        )
        if missing := sorted(found["missing_keys"]):
            raise _wrong(folder, f"no {', '.join(missing[:3])}")
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
        vision = network.model.vision_tower
        begin = [] if tokenizer.bos_token_id is None else [tokenizer.bos_token_id]
        places = [network.config.image_token_id] * (len(vision.query_768_resolution.weight) + 1)
        question = tokenizer.encode(PROMPT, add_special_tokens=False)
        view_px = min(TILE_PX, network.config.vision_config.sam_config.image_size)
        return Language(network, tokenizer, (*begin, *places, *question), view_px)


def _folder(weights: Path | None) -> Path:
    """Return the folder of the weights; raise ModelError, with what to type, if it is none of this model."""
    if weights is None:
        raise _wrong("no `weights:`", "a model that no wheel ships")
    try:
        found = json.loads((weights / "config.json").read_text(encoding="utf-8")).get("model_type")
    except (OSError, ValueError, AttributeError) as error:
        raise _wrong(weights, getattr(error, "strerror", None) or error) from error
    if found != MODEL_TYPE:
        raise _wrong(weights, f"the model type {found}")
    return weights


def _wrong(folder: object, found: object) -> ModelError:
    return ModelError(
        f"{NAME} must have its weights in transformers' form ({MODEL_TYPE})",
        f"{folder}: {found}",
        f"`{DOWNLOAD}` and set `weights: DIR`",
    )


MODELS.register(NAME)(DeepSeekOCR())
