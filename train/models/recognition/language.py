"""Vision-language models, which write what an image says: what their engine asks of them, whatever the architecture."""

from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from train.data.charset import Charset
from train.errors import ModelError
from train.models import Model
from train.models.network import Network

ENGINE = "torch-language"


@dataclass(frozen=True)
class Language:
    """A loaded model.

    Attributes:
        network: transformers' module, which generates; it takes `input_ids`, `attention_mask`, `pixel_values`.
        tokenizer: transformers' tokenizer, with an end-of-sequence token.
        prompt: token ids before the answer, the image's places among them.
        view_px: side of the square that an image is fitted into.
    """

    network: Any
    tokenizer: Any
    prompt: tuple[int, ...]
    view_px: int


class LanguageModel(Model):
    """A pretrained model of which adapters are trained, never the weights.

    Attributes:
        adapted: names of the linear layers that adapters change.
    """

    task: ClassVar[str] = "transcription"
    head = ""
    adapted: tuple[str, ...]

    @abstractmethod
    def language(self, weights: Path | None, dtype: str) -> Language:
        """Return the model of a folder in a dtype of torch's; raise ModelError if it is not there or not whole."""

    def frameworks(self) -> tuple[str, ...]:
        """One engine trains these."""
        return (ENGINE,)

    def charset(self, weights: Path | None) -> Charset:
        """Return no characters: tokens write any."""
        return Charset(())

    def network(self, framework: str, weights: Path | None) -> Network:
        """Raise ModelError: there is no network from lines to classes."""
        raise ModelError(
            "a vision-language model is trained by an engine of its own", framework, f"set `engine: {ENGINE}`"
        )
