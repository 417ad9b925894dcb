"""Which end of each metric of the library's own evaluators is the better one: all of them, made and run."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cardgen.capture.evaluator import capture_evaluation
from cardgen.capture.problems import Problems
from cardgen.measures import best_direction, direction_of, measured, primary_key, span
from cardgen.record import Displayed
from tests.tracking.tiny import build_ce, build_colbert, build_splade, build_st, questions, texts

ROOMS = ("base", "sentence_transformer", "cross_encoder", "sparse_encoder", "multi_vector_encoder")
NOT_RUN = {
    "BaseEvaluator": "has no metrics",
    "SentenceEvaluator": "the base's older name",
    "SequentialEvaluator": "has those of its parts, and a score that is greater where they are",
    "NanoBEIREvaluator": "needs the Hub; the metrics of InformationRetrievalEvaluator",
    "SparseNanoBEIREvaluator": "needs the Hub; the metrics of SparseInformationRetrievalEvaluator",
    "MultiVectorNanoBEIREvaluator": "needs the Hub; the metrics of MultiVectorInformationRetrievalEvaluator",
    "CrossEncoderNanoBEIREvaluator": "needs the Hub; the metrics of CrossEncoderRerankingEvaluator",
    "LabelAccuracyEvaluator": "needs a softmax model; only accuracy",
    "ReciprocalRankFusionEvaluator": "needs no model; map, mrr and ndcg of three rankings",
    **dict.fromkeys(
        [
            *("CEBinaryAccuracyEvaluator", "CEBinaryClassificationEvaluator", "CECorrelationEvaluator"),
            *("CEF1Evaluator", "CERerankingEvaluator", "CESoftmaxAccuracyEvaluator"),
        ],
        "an older name of one that is run",
    ),
}

LOWER = ("active_dims", "avg_flops", "kl_divergence")
NEITHER = ("threshold",)
GREATER = (
    *("accuracy", "precision", "recall", "f1", "f1_macro", "f1_micro", "f1_weighted", "ap", "mcc", "average_precision"),
    *("cosine", "dot", "euclidean", "manhattan", "max", "pearson", "spearman", "map", "negative_mse", "MaxSim"),
    *("accuracy@1", "accuracy@3", "precision@1", "precision@3", "recall@1", "recall@3", "ndcg@5", "mrr@5", "map@5"),
    *("sparsity_ratio", "map (base)"),
)
"""Ends of names: what a smaller value of is better, what neither is of, and what a greater one is."""

PAIRS = [list(pair) for pair in zip(texts(8), texts(8, offset=19), strict=True)]
SCORES = [number / 8 for number in range(8)]
LABELS = [number % 2 for number in range(8)]
QUERIES = {f"q{n}": text for n, text in enumerate(questions(4))}
CORPUS = {f"d{n}": text for n, text in enumerate(texts(8))}
RELEVANT = {f"q{n}": {f"d{n}"} for n in range(4)}
AT = {"mrr_at_k": [5], "ndcg_at_k": [5], "map_at_k": [5], "accuracy_at_k": [1, 3], "precision_recall_at_k": [1, 3]}
SAMPLES = [
    {"query": query, "positive": [texts(8)[n]], "negative": texts(3, offset=10 + n)}
    for n, query in enumerate(questions(4))
]
DOCUMENTS = [
    {"query": sample["query"], "positive": sample["positive"], "documents": [*sample["negative"], *sample["positive"]]}
    for sample in SAMPLES
]
MODELS: dict[str, Callable[[Path], Any]] = {
    "sentence_transformer": build_st,
    "cross_encoder": build_ce,
    "sparse_encoder": build_splade,
    "multi_vector_encoder": build_colbert,
}

_TWO = (texts(8), texts(8, offset=19))
_THREE = (texts(6), texts(6, offset=9), texts(6, offset=31))
MADE: dict[str, Callable[[Any, Any], Any]] = {
    "BinaryClassificationEvaluator": lambda kind, model: kind(
        *_TWO, LABELS, similarity_fn_names=["cosine", "dot", "euclidean", "manhattan"]
    ),
    "CrossEncoderClassificationEvaluator": lambda kind, model: kind(PAIRS, LABELS),
    "CrossEncoderCorrelationEvaluator": lambda kind, model: kind(PAIRS, SCORES),
    "CrossEncoderRerankingEvaluator": lambda kind, model: kind(DOCUMENTS, at_k=5),
    "EmbeddingSimilarityEvaluator": lambda kind, model: kind(
        *_TWO, SCORES, similarity_fn_names=["cosine", "dot", "euclidean", "manhattan"]
    ),
    "InformationRetrievalEvaluator": lambda kind, model: kind(QUERIES, CORPUS, RELEVANT, **AT),
    "MSEEvaluator": lambda kind, model: kind(*_TWO, teacher_model=model),
    "MultiVectorDistillationEvaluator": lambda kind, model: kind(*_TWO, SCORES),
    "MultiVectorInformationRetrievalEvaluator": lambda kind, model: kind(QUERIES, CORPUS, RELEVANT, **AT),
    "MultiVectorRerankingEvaluator": lambda kind, model: kind(SAMPLES, at_k=5),
    "MultiVectorTripletEvaluator": lambda kind, model: kind(*_THREE),
    "ParaphraseMiningEvaluator": lambda kind, model: kind(
        {str(n): text for n, text in enumerate(texts(8))}, duplicates_list=[("0", "1"), ("2", "3")]
    ),
    "RerankingEvaluator": lambda kind, model: kind(SAMPLES, at_k=5),
    "SparseBinaryClassificationEvaluator": lambda kind, model: kind(*_TWO, LABELS),
    "SparseEmbeddingSimilarityEvaluator": lambda kind, model: kind(*_TWO, SCORES),
    "SparseInformationRetrievalEvaluator": lambda kind, model: kind(QUERIES, CORPUS, RELEVANT, **AT),
    "SparseMSEEvaluator": lambda kind, model: kind(*_TWO, teacher_model=model),
    "SparseRerankingEvaluator": lambda kind, model: kind(SAMPLES, at_k=5),
    "SparseTranslationEvaluator": lambda kind, model: kind(*_TWO),
    "SparseTripletEvaluator": lambda kind, model: kind(*_THREE),
    "TranslationEvaluator": lambda kind, model: kind(*_TWO),
    "TripletEvaluator": lambda kind, model: kind(*_THREE),
}


def classes() -> dict[str, tuple[str, type]]:
    """Every evaluator that the installed library exports, and the room it is of."""
    found = {}
    for room in ROOMS:
        try:
            module = importlib.import_module(f"sentence_transformers.{room}.evaluation")
        except ImportError:
            continue
        for name, kind in vars(module).items():
            if inspect.isclass(kind) and name.endswith("Evaluator") and f".{room}." in kind.__module__:
                found[name] = (room, kind)
    return found


CLASSES = classes()


def test_no_evaluator_of_the_library_is_missing() -> None:
    """A new evaluator has to be looked at, and run here."""
    assert not CLASSES.keys() - MADE.keys() - NOT_RUN.keys()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Any]:
    """A tiny model by room, made once."""
    made: dict[str, Any] = {}

    def of(room: str) -> Any:
        if room not in made:
            made[room] = MODELS[room](tmp_path_factory.mktemp(room))
        return made[room]

    return of


@pytest.mark.filterwarnings("ignore:Sparse invariant checks", "ignore:Sparse CSR tensor support")
@pytest.mark.filterwarnings("ignore:Creating a tensor from a list")  # the library does, in 5.7
@pytest.mark.parametrize("name", MADE)
def test_each_metric_has_the_right_direction(name: str, model: Callable[[str], Any]) -> None:
    """The primary metric is greater where it is better; of each other one the name says which end is."""
    if name not in CLASSES:
        pytest.skip(f"the installed library has no {name}")
    room, kind = CLASSES[name]
    evaluator = MADE[name](kind, model(room))
    metrics = evaluator(model(room))
    assert metrics
    found = capture_evaluation(evaluator, metrics, Problems())
    assert found.greater_is_better is not False  # two of them do not say
    primary = primary_key(found)
    assert primary is not None
    assert direction_of(found, primary) == "max"
    for key in metrics:
        expected = None if key.endswith(NEITHER) else "min" if key.endswith(LOWER) else "max"
        assert expected != "max" or key.endswith(GREATER), f"{key} is new: which end is the better one?"
        assert best_direction(key) == best_direction(f"sts-dev_{key}") == best_direction(f"eval_dev_{key}") == expected


@pytest.mark.parametrize(("said", "recorded"), [(False, False), (True, True), (None, None), ("no", None), (0, None)])
def test_what_an_evaluator_says_is_recorded(said: Any, recorded: bool | None) -> None:
    """Only a plain yes or no; that lower is better of its primary metric goes before the name."""

    class Gap:
        primary_metric = "gap"
        greater_is_better = said

        def __call__(self) -> dict[str, float]:
            return {"gap": 1.0, "other": 1.0}

    found = capture_evaluation(Gap(), Gap()(), Problems())
    assert found.greater_is_better is recorded
    assert direction_of(found, "gap") == ("min" if said is False else "max")
    assert direction_of(found, "other") == "max"


def test_what_a_reranker_shows_is_a_number(model: Callable[[str], Any]) -> None:
    """The library keeps `0.6812 (+0.0412)` for the card: the rounded number of what the evaluator returned."""
    evaluator = MADE["CrossEncoderRerankingEvaluator"](CLASSES["CrossEncoderRerankingEvaluator"][1], None)
    reranker = model("cross_encoder")
    returned = evaluator(reranker)
    shown = reranker.model_card_data.eval_results_dict[evaluator]
    assert shown.keys() == {"map", "mrr@5", "ndcg@5"}
    for key, text in shown.items():
        value = measured(text)
        assert isinstance(value, Displayed), text
        low, high = span(value) or (1, 0)
        assert low <= returned[key] <= high
