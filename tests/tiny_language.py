"""A vision-language model of DeepSeek-OCR's architecture with random weights, small enough to train in a test."""

from pathlib import Path
from typing import Any

CHARACTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz .,-#:/"
HIDDEN = 32
UNKNOWN = {"unk_token": "<unk>"}
SPECIAL = {"bos_token": "<bos>", "eos_token": "<eos>", **UNKNOWN}


def save_tiny(folder: Path) -> Path:
    """Write weights, configuration and a tokenizer of single characters, as a download has them."""
    import torch
    import transformers

    tokenizer = make_tokenizer()
    torch.manual_seed(0)
    settings = transformers.DeepseekOcr2Config(**configuration(tokenizer))
    network = transformers.DeepseekOcr2ForConditionalGeneration(settings)
    network.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def make_tokenizer() -> Any:
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    tokens = [*SPECIAL.values(), "<image>", *CHARACTERS, "\n"]
    vocabulary = {token: i for i, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, **UNKNOWN))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    tokenizer.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, additional_special_tokens=["<image>"], **SPECIAL
    )


def configuration(tokenizer: Any) -> dict[str, Any]:
    """Return settings of one or two layers each, for views of 64 px."""
    ids = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    layers = {
        "hidden_size": HIDDEN,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "intermediate_size": 64,
    }
    sam = {"hidden_size": 16, "output_channels": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    sam |= {
        "image_size": 64,
        "window_size": 2,
        "global_attn_indexes": [1],
        "downsample_channels": [16, HIDDEN],
    }
    text = {"vocab_size": len(tokenizer), "num_hidden_layers": 2, "mlp_layer_types": ["dense", "sparse"]}
    experts = {
        "n_routed_experts": 4,
        "n_shared_experts": 1,
        "num_experts_per_tok": 2,
        "moe_intermediate_size": 16,
    }
    return {
        "vision_config": {
            "sam_config": sam,
            "encoder_config": layers | {"num_hidden_layers": 1, "vocab_size": 8},
        },
        "text_config": layers | text | experts | ids,
        "image_token_id": tokenizer.convert_tokens_to_ids("<image>"),
        **ids,
    }
