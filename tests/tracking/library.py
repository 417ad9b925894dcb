"""What of sentence-transformers the tests use, wherever the installed version keeps it.

What a version does not have stands for itself: using it skips the test and says so.
"""

from __future__ import annotations

import importlib
from typing import Any, NoReturn

import pytest
import sentence_transformers


class Missing:
    """Stands for what the installed version does not have."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Skip the test that makes one."""
        pytest.skip(f"sentence-transformers {sentence_transformers.__version__} has no {self._name}")

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        self()


def _find(*places: str) -> Any:
    """The first that there is; newer places come first, for the older ones warn where there are both."""
    for place in places:
        module, _, name = f"sentence_transformers.{place}".rpartition(".")
        try:
            return getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError):
            continue
    return Missing(places[0].rpartition(".")[2])


CrossEncoder = _find("CrossEncoder")
CrossEncoderTrainer = _find("CrossEncoderTrainer")
CrossEncoderTrainingArguments = _find("CrossEncoderTrainingArguments")
MultiVectorEncoder = _find("MultiVectorEncoder")
MultiVectorEncoderTrainer = _find("MultiVectorEncoderTrainer")
MultiVectorEncoderTrainingArguments = _find("MultiVectorEncoderTrainingArguments")
SentenceTransformer = _find("SentenceTransformer")
SentenceTransformerModelCardData = _find("SentenceTransformerModelCardData")
SentenceTransformerTrainer = _find("SentenceTransformerTrainer")
SentenceTransformerTrainingArguments = _find("SentenceTransformerTrainingArguments")
SparseEncoder = _find("SparseEncoder")
SparseEncoderTrainer = _find("SparseEncoderTrainer")
SparseEncoderTrainingArguments = _find("SparseEncoderTrainingArguments")

Pooling = _find("sentence_transformer.modules.Pooling", "models.Pooling")
Router = _find("base.modules.Router", "models.Router")
StaticEmbedding = _find("sentence_transformer.modules.StaticEmbedding", "models.StaticEmbedding")
Transformer = _find("sentence_transformer.modules.Transformer", "models.Transformer")
MLMTransformer = _find("sparse_encoder.modules.MLMTransformer", "sparse_encoder.models.MLMTransformer")
SpladePooling = _find("sparse_encoder.modules.SpladePooling", "sparse_encoder.models.SpladePooling")

CoSENTLoss = _find("sentence_transformer.losses.CoSENTLoss", "losses.CoSENTLoss")
MatryoshkaLoss = _find("sentence_transformer.losses.MatryoshkaLoss", "losses.MatryoshkaLoss")
MultipleNegativesRankingLoss = _find(
    "sentence_transformer.losses.MultipleNegativesRankingLoss", "losses.MultipleNegativesRankingLoss"
)
SoftmaxLoss = _find("sentence_transformer.losses.SoftmaxLoss", "losses.SoftmaxLoss")
BinaryCrossEntropyLoss = _find("cross_encoder.losses.BinaryCrossEntropyLoss")
CrossEntropyLoss = _find("cross_encoder.losses.CrossEntropyLoss")
LambdaLoss = _find("cross_encoder.losses.LambdaLoss")
MultiVectorMultipleNegativesRankingLoss = _find("multi_vector_encoder.losses.MultiVectorMultipleNegativesRankingLoss")
SparseMultipleNegativesRankingLoss = _find("sparse_encoder.losses.SparseMultipleNegativesRankingLoss")
SpladeLoss = _find("sparse_encoder.losses.SpladeLoss")

BaseEvaluator = _find("base.evaluation.BaseEvaluator", "evaluation.SentenceEvaluator")
SequentialEvaluator = _find("base.evaluation.SequentialEvaluator", "evaluation.SequentialEvaluator")
EmbeddingSimilarityEvaluator = _find(
    "sentence_transformer.evaluation.EmbeddingSimilarityEvaluator", "evaluation.EmbeddingSimilarityEvaluator"
)
InformationRetrievalEvaluator = _find(
    "sentence_transformer.evaluation.InformationRetrievalEvaluator", "evaluation.InformationRetrievalEvaluator"
)
TripletEvaluator = _find("sentence_transformer.evaluation.TripletEvaluator", "evaluation.TripletEvaluator")
CrossEncoderClassificationEvaluator = _find("cross_encoder.evaluation.CrossEncoderClassificationEvaluator")
SparseEmbeddingSimilarityEvaluator = _find("sparse_encoder.evaluation.SparseEmbeddingSimilarityEvaluator")
