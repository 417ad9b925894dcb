"""Tiny real models, data sets, evaluators and trainers, made on the spot with random weights.

Everything is seeded and offline; a training of a few steps takes a fraction of a second.
"""

from __future__ import annotations

import functools
import gc
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset, DatasetDict, IterableDataset
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import Lowercase
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing
from tokenizers.trainers import WordPieceTrainer
from transformers import (
    BertConfig,
    BertForMaskedLM,
    BertForSequenceClassification,
    BertModel,
    PreTrainedTokenizerFast,
    set_seed,
)

from tests.tracking.library import (
    BinaryCrossEntropyLoss,
    CrossEncoder,
    CrossEncoderClassificationEvaluator,
    CrossEncoderTrainer,
    CrossEncoderTrainingArguments,
    CrossEntropyLoss,
    EmbeddingSimilarityEvaluator,
    InformationRetrievalEvaluator,
    MLMTransformer,
    MultipleNegativesRankingLoss,
    MultiVectorEncoder,
    MultiVectorEncoderTrainer,
    MultiVectorEncoderTrainingArguments,
    MultiVectorMultipleNegativesRankingLoss,
    Pooling,
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
    SparseEncoder,
    SparseEncoderTrainer,
    SparseEncoderTrainingArguments,
    SparseMultipleNegativesRankingLoss,
    SpladeLoss,
    SpladePooling,
    Transformer,
    TripletEvaluator,
)

torch.set_num_threads(1)
"""With more, threads wait for each other longer than such models take."""

gc.freeze()
"""Every training ends with a garbage collection, which need not go through all that was imported up to here."""

HIDDEN_SIZE = 32
SUBJECTS = ("garden", "market", "engine", "bridge", "pilot", "winter", "violin", "harbor", "lantern", "copper")
VERBS = ("answers", "paints", "forgets", "guards", "watches", "repairs")
PLACES = ("before sunrise", "in the quiet valley", "near the station", "under the old roof", "at the edge of town")


def texts(count: int, *, offset: int = 0) -> list[str]:
    """Different short sentences, always the same ones."""
    found = []
    for number in range(offset, offset + count):
        subject, verb = SUBJECTS[number % 10], VERBS[number // 10 % 6]
        other, place = SUBJECTS[(number * 7 + 3) % 10], PLACES[number % 5]
        found.append(f"The {subject} {verb} the {other} {place}{'.!?'[number % 3]}")
    return found


def questions(count: int, *, offset: int = 0) -> list[str]:
    """Different short questions."""
    return [f"Who {VERBS[n % 6]} the {SUBJECTS[n % 10]} {PLACES[n // 6 % 5]}?" for n in range(offset, offset + count)]


@functools.cache
def _word_pieces() -> str:
    words = Tokenizer(WordPiece(unk_token="[UNK]"))
    words.normalizer = Lowercase()
    words.pre_tokenizer = Whitespace()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words.train_from_iterator(
        [*texts(60), *questions(60)], WordPieceTrainer(vocab_size=300, special_tokens=special, show_progress=False)
    )
    words.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return str(words.to_str())


def tokenizer() -> Any:
    """A WordPiece tokenizer of these sentences."""
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(_word_pieces()),
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_max_length=64,
    )


def bert_folder(folder: Path, kind: type = BertModel, **config: Any) -> str:
    """A folder with a random BERT and its tokenizer."""
    words = tokenizer()
    set_seed(7)
    bert = kind(
        BertConfig(
            vocab_size=len(words),
            hidden_size=HIDDEN_SIZE,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=64,
            max_position_embeddings=64,
            **config,
        )
    )
    bert.save_pretrained(str(folder))
    words.save_pretrained(str(folder))
    return str(folder)


def build_st(folder: Path, **options: Any) -> Any:
    """A SentenceTransformer with mean pooling."""
    transformer = Transformer(bert_folder(folder / "bert"), max_seq_length=32)
    pooling = Pooling(HIDDEN_SIZE, pooling_mode="mean")
    return SentenceTransformer(modules=[transformer, pooling], device="cpu", **options)


def build_ce(folder: Path, labels: int = 1, **options: Any) -> Any:
    """A CrossEncoder with this number of labels."""
    path = bert_folder(folder / "bert", BertForSequenceClassification, num_labels=labels)
    return CrossEncoder(path, num_labels=labels, max_length=32, device="cpu", **options)


def build_splade(folder: Path, **options: Any) -> Any:
    """A SparseEncoder with SPLADE pooling."""
    transformer = MLMTransformer(bert_folder(folder / "bert", BertForMaskedLM), max_seq_length=32)
    return SparseEncoder(modules=[transformer, SpladePooling(pooling_strategy="max")], device="cpu", **options)


def build_colbert(folder: Path, **options: Any) -> Any:
    """A MultiVectorEncoder on top of the BERT."""
    return MultiVectorEncoder(bert_folder(folder / "bert"), device="cpu", **options)


def pairs(count: int = 16, *, offset: int = 0) -> Dataset:
    """Columns anchor and positive."""
    return Dataset.from_dict({"anchor": texts(count, offset=offset), "positive": texts(count, offset=offset + 17)})


def triplets(count: int = 16) -> Dataset:
    """Columns anchor, positive and negative."""
    return Dataset.from_dict(
        {"anchor": texts(count), "positive": texts(count, offset=13), "negative": texts(count, offset=29)}
    )


def scored_pairs(count: int = 16) -> Dataset:
    """Columns sentence1, sentence2 and a float label."""
    labels = [round(number % 7 / 7, 3) for number in range(count)]
    return Dataset.from_dict({"sentence1": texts(count), "sentence2": texts(count, offset=11), "label": labels})


def labelled_pairs(count: int = 16, labels: int = 2) -> Dataset:
    """Columns premise, hypothesis and an integer label."""
    marks = [number * 5 % labels for number in range(count)]
    return Dataset.from_dict({"premise": texts(count), "hypothesis": texts(count, offset=23), "label": marks})


def question_pairs(count: int = 16) -> Dataset:
    """Columns query and answer."""
    return Dataset.from_dict({"query": questions(count), "answer": texts(count)})


def streaming_pairs(count: int = 16) -> IterableDataset:
    """The pairs as a stream."""
    return pairs(count).to_iterable_dataset()


def similarity_evaluator(name: str = "sts-dev") -> Any:
    """Spearman correlation on 8 pairs."""
    scores = [number / 8 for number in range(8)]
    return EmbeddingSimilarityEvaluator(texts(8), texts(8, offset=19), scores, name=name, write_csv=False)


def triplet_evaluator(name: str = "all-nli") -> Any:
    """Accuracy on 6 triplets."""
    return TripletEvaluator(texts(6), texts(6, offset=9), texts(6, offset=31), name=name, write_csv=False)


def retrieval_evaluator(name: str = "tiny_ir") -> Any:
    """Retrieval of 6 answers among 12."""
    queries = {f"q{n}": text for n, text in enumerate(questions(6))}
    corpus = {f"d{n}": text for n, text in enumerate(texts(12))}
    relevant = {f"q{n}": {f"d{n}"} for n in range(6)}
    return InformationRetrievalEvaluator(
        queries,
        corpus,
        relevant,
        name=name,
        mrr_at_k=[5],
        ndcg_at_k=[5],
        map_at_k=[5],
        accuracy_at_k=[1],
        precision_recall_at_k=[1],
        write_csv=False,
    )


def classification_evaluator(name: str = "nli-dev", labels: int = 3) -> Any:
    """Classification of 9 pairs by a CrossEncoder."""
    rows = list(zip(texts(9), texts(9, offset=21), strict=True))
    return CrossEncoderClassificationEvaluator(
        [list(row) for row in rows], [number % labels for number in range(9)], name=name, write_csv=False
    )


ARGUMENTS: dict[str, Any] = {
    "max_steps": 4,
    "per_device_train_batch_size": 4,
    "per_device_eval_batch_size": 4,
    "logging_steps": 2,
    "save_strategy": "no",
    "report_to": "none",
    "disable_tqdm": True,
    "use_cpu": True,
    "seed": 11,
}
"""What every tiny training uses unless told otherwise."""

CALLBACKS: list[Any] = []
"""Callbacks of every trainer that is given no others."""


def st_trainer(folder: Path, *, model: Any = None, args: Mapping[str, Any] | None = None, **options: Any) -> Any:
    """A SentenceTransformerTrainer on pairs."""
    model = build_st(folder) if model is None else model
    arguments = SentenceTransformerTrainingArguments(output_dir=str(folder / "out"), **{**ARGUMENTS, **(args or {})})
    options.setdefault("callbacks", list(CALLBACKS))
    options.setdefault("train_dataset", pairs())
    options.setdefault("loss", MultipleNegativesRankingLoss(model))
    return SentenceTransformerTrainer(model=model, args=arguments, **options)


def ce_trainer(
    folder: Path, *, model: Any = None, labels: int = 1, args: Mapping[str, Any] | None = None, **options: Any
) -> Any:
    """A CrossEncoderTrainer on labelled pairs."""
    model = build_ce(folder, labels) if model is None else model
    arguments = CrossEncoderTrainingArguments(output_dir=str(folder / "out"), **{**ARGUMENTS, **(args or {})})
    options.setdefault("callbacks", list(CALLBACKS))
    options.setdefault("train_dataset", labelled_pairs(labels=max(labels, 2)))
    options.setdefault("loss", BinaryCrossEntropyLoss(model) if labels == 1 else CrossEntropyLoss(model))
    return CrossEncoderTrainer(model=model, args=arguments, **options)


def splade_trainer(folder: Path, *, model: Any = None, args: Mapping[str, Any] | None = None, **options: Any) -> Any:
    """A SparseEncoderTrainer with the SPLADE loss."""
    model = build_splade(folder) if model is None else model
    arguments = SparseEncoderTrainingArguments(output_dir=str(folder / "out"), **{**ARGUMENTS, **(args or {})})
    options.setdefault("callbacks", list(CALLBACKS))
    options.setdefault("train_dataset", question_pairs())
    options.setdefault(
        "loss",
        SpladeLoss(
            model,
            SparseMultipleNegativesRankingLoss(model),
            document_regularizer_weight=3e-5,
            query_regularizer_weight=5e-5,
        ),
    )
    return SparseEncoderTrainer(model=model, args=arguments, **options)


def colbert_trainer(folder: Path, *, model: Any = None, args: Mapping[str, Any] | None = None, **options: Any) -> Any:
    """A MultiVectorEncoderTrainer on question pairs."""
    model = build_colbert(folder) if model is None else model
    arguments = MultiVectorEncoderTrainingArguments(output_dir=str(folder / "out"), **{**ARGUMENTS, **(args or {})})
    options.setdefault("callbacks", list(CALLBACKS))
    options.setdefault("train_dataset", question_pairs())
    options.setdefault("loss", MultiVectorMultipleNegativesRankingLoss(model))
    return MultiVectorEncoderTrainer(model=model, args=arguments, **options)


TRAINERS = {
    "SentenceTransformer": st_trainer,
    "CrossEncoder": ce_trainer,
    "SparseEncoder": splade_trainer,
    "MultiVectorEncoder": colbert_trainer,
}
"""A builder of a trainer by type of model."""


def named_sets(**sets: Dataset) -> DatasetDict:
    """Several sets by name."""
    return DatasetDict(sets)


def weights(model: Any) -> dict[str, torch.Tensor]:
    """A copy of every weight."""
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
