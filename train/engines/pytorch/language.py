"""Vision-language models in torch: low-rank adapters (Hu et al., 2022) through peft; the weights stay."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from train.bundle import ONNX, PADDLEOCR, SETTINGS
from train.config import AdapterSettings, TrialConfig
from train.data.charset import Charset
from train.engine import GROUPS, Batch, Features, Images, T, World
from train.engines import ENGINES
from train.engines.levels import GroupShare
from train.engines.pytorch import optimiser as torch_optimiser
from train.engines.pytorch.device import OnTorch, current_device
from train.errors import UsageError
from train.models import MODELS
from train.models.recognition.language import ENGINE, LanguageModel
from train.models.torch_network import to_shared
from train.tasks.transcription import written
from train.techniques import build_technique

MAX_TOKENS = 128  # of an answer: a line, not a page
IGNORED = -100  # the label that transformers' and torch's losses leave out
DTYPES = {"fp32": "float32", "bf16": "bfloat16"}


@ENGINES.register(ENGINE)
class LanguageEngine(OnTorch):
    """A vision-language model, its adapters and their optimiser."""

    packages: ClassVar[tuple[str, ...]] = ("torch", "transformers", "peft")
    merges: ClassVar[bool] = False

    def __init__(
        self, config: TrialConfig, charset: Charset, calibration: Images | None, world: World | None = None
    ) -> None:
        model, settings = _checked(config, world or World())
        self._config, self.charset = config, charset
        import peft
        import torch

        torch.manual_seed(config.seed)
        self._language = model.language(
            Path(config.weights) if config.weights else None, DTYPES[config.precision]
        )
        lora = peft.LoraConfig(
            r=settings.rank, lora_alpha=settings.alpha, target_modules=list(model.adapted), lora_dropout=0.0
        )
        self._network = peft.get_peft_model(self._language.network, lora).to(current_device()).eval()
        self._learning = {n: p for n, p in self._network.named_parameters() if p.requires_grad}
        groups = {name: model.group(name) for name in self._learning}
        self._groups, self._plan = groups, dict.fromkeys(GROUPS, 1.0)
        places = {name: GroupShare(group, 1.0) for name, group in groups.items()}
        self._optimiser = torch_optimiser.build(config.optimiser, self._learning, places)

    @classmethod
    def objectives(cls) -> tuple[str, ...]:
        """Return the one that the engine itself computes: the cross-entropy of the model's own tokens."""
        return ("tokens",)

    def apply_plan(self, plan: Mapping[str, float]) -> None:
        """Let the adapters of the learning groups learn; the model stays in eval mode, without dropout."""
        self._plan = dict(plan)
        for name, parameter in self._learning.items():
            parameter.requires_grad_(plan[self._groups[name]] > 0)

    def train_step(self, batch: Batch, learning_rate: float, update: bool) -> float:
        """Teach the answers to the prompt: cross-entropy of their tokens, summed over a line."""
        import torch

        answers = [self._tokens("".join(map(chr, target))) for target in batch.targets]
        ids, labels = self._sequences(answers)
        attended = torch.ones_like(ids) * (labels != IGNORED)
        attended[:, : len(self._language.prompt)] = 1
        output = self._network(input_ids=ids, attention_mask=attended, pixel_values=self._views(batch.images))
        loss = torch.nn.functional.cross_entropy(
            output.logits[:, :-1].flatten(0, 1).float(),
            labels[:, 1:].flatten(),
            ignore_index=IGNORED,
            reduction="sum",
        ) / len(answers)
        (loss * (batch.share / self._config.optimiser.accumulate)).backward()
        if update:
            torch_optimiser.set_rates(self._optimiser, learning_rate, self._plan)
            torch.nn.utils.clip_grad_norm_(list(self._learning.values()), self._config.optimiser.clip_norm)
            self._optimiser.step()
            self._optimiser.zero_grad(set_to_none=True)
        return float(loss.detach())

    def _tokens(self, text: str) -> list[int]:
        tokenizer = self._language.tokenizer
        return [*tokenizer.encode(text, add_special_tokens=False), tokenizer.eos_token_id]

    def _sequences(self, answers: Sequence[Sequence[int]]) -> tuple[Any, Any]:
        """Return token ids, prompt and answer, and labels of the answers alone: (N, L) each, padded behind."""
        import torch

        prompt, longest = list(self._language.prompt), max(map(len, answers))
        ids = torch.full((len(answers), len(prompt) + longest), self._language.tokenizer.eos_token_id)
        labels = torch.full_like(ids, IGNORED)
        ids[:, : len(prompt)] = torch.tensor(prompt)
        for row, label, answer in zip(ids, labels, answers, strict=True):
            end = len(prompt) + len(answer)
            row[len(prompt) : end] = label[len(prompt) : end] = torch.tensor(answer)
        return ids.to(current_device()), labels.to(current_device())

    def _views(self, images: Images | Features) -> Any:
        """Return (N, 3, S, S) RGB views of (N, 3, 48, W) BGR lines in [-1, 1]: fitted in, grey around them."""
        import torch
        from torch.nn import functional

        assert not isinstance(images, Features)  # this engine has none
        side, (height, width) = self._language.view_px, images.shape[2:]
        scale = side / max(height, width)
        size = max(1, round(height * scale)), max(1, round(width * scale))
        lines = torch.from_numpy(np.ascontiguousarray(images[:, ::-1])).to(current_device())
        fitted = functional.interpolate(lines, size, mode="bicubic", align_corners=False).clamp(-1, 1)
        top, left = (side - size[0]) // 2, (side - size[1]) // 2
        views = functional.pad(fitted, (left, side - size[1] - left, top, side - size[0] - top))
        return views.to(self._language.network.dtype)

    def predict(self, images: Images | Features) -> Images:
        """Return what the model writes, greedily: (N, T, 2), as `train.tasks.transcription.written` makes it.

        A text's confidence is the mean probability of its tokens.
        """
        import torch

        count, tokenizer = len(images), self._language.tokenizer
        prompt = torch.tensor([self._language.prompt] * count, device=current_device())
        with torch.inference_mode():
            output = self._network.generate(
                input_ids=prompt,
                attention_mask=torch.ones_like(prompt),
                pixel_values=self._views(images),
                max_new_tokens=MAX_TOKENS,
                do_sample=False,
                pad_token_id=tokenizer.eos_token_id,
                return_dict_in_generate=True,
                output_scores=True,
            )
            tokens = output.sequences[:, prompt.shape[1] :]
            steps = torch.stack([scores.float().softmax(-1) for scores in output.scores], dim=1)
            chosen = steps.gather(2, tokens[:, :, None])[:, :, 0]
            ended = (tokens == tokenizer.eos_token_id).cumsum(1) > 0
            confidences = (chosen * ~ended).sum(1) / (~ended).sum(1).clamp(min=1)
        rows = (row[~end] for row, end in zip(tokens, ended, strict=True))
        texts = [tokenizer.decode(row, skip_special_tokens=True).strip() for row in rows]
        return written(texts, confidences.tolist())

    def gather(self, items: Sequence[T]) -> list[T]:
        """Return the items: there is one process."""
        return list(items)

    def synchronise(self) -> None:
        """Nothing has statistics of a batch."""

    def weights(self) -> dict[str, Any]:
        """Return copies of the adapters' arrays: the rest is the base's."""
        return {n: to_shared(n, p.detach().cpu().float().numpy().copy()) for n, p in self._learning.items()}

    def state(self) -> dict[str, Any]:
        """Return the adapters and their optimiser's arrays."""
        optimiser = torch_optimiser.accumulators(self._optimiser, self._learning)
        return {"weights": self.weights(), "optimiser": optimiser, "scaler": {}}

    def load(self, state: Mapping[str, Any]) -> None:
        """Set the adapters and, where the state has them, the optimiser's accumulators."""
        import torch

        with torch.no_grad():
            for name, parameter in self._learning.items():
                parameter.copy_(torch.tensor(to_shared(name, np.asarray(state["weights"][name]))))
        if state.get("optimiser"):
            torch_optimiser.set_accumulators(self._optimiser, self._learning, state["optimiser"])

    @property
    def forms(self) -> int:
        """How many times `export` writes the weights: as peft's adapter alone."""
        return 1

    def export(self, directory: Path) -> dict[str, str]:
        """Write the adapter in peft's form; there is no graph, as the base's weights stay where they are."""
        self._network.save_pretrained(directory)
        (directory / "README.md").unlink(missing_ok=True)  # a model card without a word about this model
        reason = f"a bundle of {self._config.model} is an adapter of the weights in {self._config.weights}"
        return dict.fromkeys((ONNX, SETTINGS, *PADDLEOCR), reason)


def _checked(config: TrialConfig, world: World) -> tuple[LanguageModel, AdapterSettings]:
    """Return model and adapters that are asked for; raise UsageError for what this engine does not do."""
    model, settings = MODELS.get(config.model), build_technique(config.technique).adapters
    rules = [
        (isinstance(model, LanguageModel), "model", f"must be one that the engine {ENGINE} trains"),
        (settings is not None, "technique", "must train adapters alone, as `lora` does"),
        (config.fit_width == 0, "fit_width", "must be 0, as a line is fitted into a square"),
        (config.precision in DTYPES, "precision", f"must be one of {', '.join(DTYPES)}"),
        (config.label_smoothing == 0, "label_smoothing", "must be 0"),
        (not config.compile, "compile", "must be false"),
        (
            config.optimiser.layer_decay == 1 and config.optimiser.ema == 0,
            "optimiser",
            "must have no decay by layer, no ema",
        ),
        (world.size == 1, "workers", "must be one: this engine trains in one process"),
    ]
    for holds, setting, rule in rules:
        if not holds:
            value = world.size if setting == "workers" else getattr(config, setting)
            raise UsageError(f"{setting} {rule}", value, f"change {setting}")
    assert isinstance(model, LanguageModel)
    assert settings is not None
    return model, settings
