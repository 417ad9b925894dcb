"""Which files of a model folder may be published: those on a list, by their names."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Sequence

from cardgen.checkpoint import TRAINING_STATE


def _listed(names: str) -> frozenset[str]:
    return frozenset(names.split())


_NAMES = _listed(
    """
    config.json modules.json config_sentence_transformers.json model.safetensors.index.json generation_config.json
    router_config.json
    tokenizer.json tokenizer_config.json special_tokens_map.json added_tokens.json vocab.json vocab.txt merges.txt
    bpe.codes spiece.model tokenizer.model sentencepiece.bpe.model chat_template.json chat_template.jinja
    preprocessor_config.json processor_config.json video_preprocessor_config.json image_processor_config.json
    feature_extractor_config.json adapter_config.json wordembedding_config.json whitespacetokenizer_config.json
    stopwords.txt phrasetokenizer_config.json idf.json quantize_config.json ov_config.json LICENSE LICENSE.txt
    LICENSE.md NOTICE NOTICE.txt
    """
)
_PATTERNS = (
    "*.safetensors",
    "*.safetensors.index.json",
    "sentence_*_config.json",
    "*.onnx",
    "*.onnx_data",
    "openvino_model*.xml",
    "openvino_model*.bin",
    "*.gguf",
)
_SECRET_FILES = re.compile(
    r"\.env.*|.*\.(?:pem|key|p12|pfx)|id_(?:rsa|dsa|ecdsa|ed25519).*|\.?netrc|token|.*credentials.*"
)
_PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".joblib", ".ckpt", ".npy", ".npz", ".h5")
CACHES = ("__pycache__", "wandb", "mlruns", "runs", "logs", "eval")


def stays_home_because(path: str, include: Sequence[str]) -> str | None:
    """Why a file stays home; None if it is published."""
    name = path.rpartition("/")[2]
    lower = name.lower()
    if _SECRET_FILES.fullmatch(lower):
        return "may hold a secret"
    if name.startswith(TRAINING_STATE) or name == "training_args.json":
        return "the state of a training"
    if name in _NAMES or any(fnmatch.fnmatchcase(name, pattern) for pattern in _PATTERNS):
        return None
    if lower.endswith(_PICKLES):
        return "a pickle, which runs code when it is read"
    if any(fnmatch.fnmatchcase(path, pattern) or fnmatch.fnmatchcase(name, pattern) for pattern in include):
        return None
    return "hidden" if name.startswith(".") else "not on the list of a model's files; --include adds it"
