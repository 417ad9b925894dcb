"""Real trainings of every kind, each a function of a folder that gives its trainer and what happens around it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset, DatasetDict

from tests.tracking import tiny
from tests.tracking.library import (
    CoSENTLoss,
    LambdaLoss,
    MatryoshkaLoss,
    MultipleNegativesRankingLoss,
    Router,
    SentenceTransformer,
    SequentialEvaluator,
    SoftmaxLoss,
    SparseEmbeddingSimilarityEvaluator,
    StaticEmbedding,
)

BEST = {
    "eval_strategy": "steps",
    "eval_steps": 2,
    "save_strategy": "steps",
    "save_steps": 2,
    "load_best_model_at_end": True,
}
HARD = [
    "a | b || c",
    "line one\nline two",
    "carriage\rreturn",
    "tab\tand \u2028 separator",
    "مرحبا بالعالم",
    "emoji 👩‍👩‍👧 and 漢字",
    "<b>html</b> & `code` **bold** --- -:|",
    "",
    "'quotes' \"both\" \\ back",
    "long " * 400,
    "NUL \x00 and bell \x07",
    "null",
]


@dataclass(frozen=True)
class Scenario:
    """`trainer` builds it; `before` and `after` are evaluators called on the model around the training."""

    trainer: Callable[[Path], Any]
    before: tuple[Any, ...] = field(default=())
    after: tuple[Any, ...] = field(default=())


class PlainLoss(torch.nn.Module):
    """A loss without configuration and citation."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, features: Any, labels: Any = None) -> torch.Tensor:
        """The distance of the two embeddings."""
        one, other = (self.model(feature)["sentence_embedding"] for feature in features)
        return (one - other).pow(2).mean()


class OddEvaluator:
    """An evaluator with no more than a call and what the library itself asks for."""

    primary_metric = "odd_score"
    name = "odd"
    description = "Odd Score"

    def __call__(self, model: Any, output_path: Any = None, epoch: int = -1, steps: int = -1) -> dict[str, Any]:
        """Metrics of several types."""
        metrics = {"odd_score": float("nan"), "odd_count": 12, "odd_note": "3 of 4", "odd_tiny": 1.2345e-05}
        model.model_card_data.set_evaluation_metrics(self, metrics, epoch, steps)
        return metrics


def _two_sets(folder: Path) -> Any:
    model = tiny.build_st(folder)
    sets = {"pairs": tiny.pairs(12), "sts part": tiny.scored_pairs(12)}
    losses = {"pairs": MultipleNegativesRankingLoss(model), "sts part": CoSENTLoss(model)}
    return tiny.st_trainer(
        folder,
        model=model,
        train_dataset=DatasetDict(sets),
        eval_dataset=DatasetDict({name: part.select(range(4)) for name, part in sets.items()}),
        loss=losses,
        args={"eval_strategy": "steps", "eval_steps": 2},
    )


def _router(folder: Path) -> Any:
    base = tiny.build_st(folder)
    router = Router.for_query_document(query_modules=[base[0], base[1]], document_modules=[base[0], base[1]])
    return tiny.st_trainer(
        folder,
        model=SentenceTransformer(modules=[router], device="cpu"),
        train_dataset=tiny.question_pairs(),
        args={"router_mapping": {"query": "query", "answer": "document"}},
    )


def _softmax(folder: Path) -> Any:
    model = tiny.build_st(folder)
    loss = SoftmaxLoss(model, sentence_embedding_dimension=32, num_labels=3)
    return tiny.st_trainer(folder, model=model, train_dataset=tiny.labelled_pairs(labels=3), loss=loss)


def _torch_format(folder: Path) -> Any:
    model = tiny.build_st(folder)
    rows = tiny.scored_pairs().with_format("torch")
    return tiny.st_trainer(folder, model=model, train_dataset=rows, loss=CoSENTLoss(model))


def _matryoshka(folder: Path) -> Any:
    model = tiny.build_st(folder)
    loss = MatryoshkaLoss(model, MultipleNegativesRankingLoss(model), matryoshka_dims=[32, 16, 8])
    return tiny.st_trainer(folder, model=model, train_dataset=tiny.triplets(), loss=loss)


def _static(folder: Path) -> Any:
    model = SentenceTransformer(modules=[StaticEmbedding(tiny.tokenizer(), embedding_dim=24)], device="cpu")
    return tiny.st_trainer(folder, model=model)


def _hard(folder: Path) -> Any:
    return tiny.st_trainer(folder, train_dataset=Dataset.from_dict({"anchor": HARD, "positive": HARD[::-1]}))


def _columns(folder: Path) -> Any:
    count = 12
    rows = Dataset.from_dict(
        {
            "text": tiny.texts(count),
            "other": tiny.texts(count, offset=5),
            "label": [0.25 * (number % 4) for number in range(count)],
        }
    )
    return tiny.st_trainer(
        folder, train_dataset=rows, loss=None, args={"learning_rate": 1e-3, "warmup_steps": 1, "seed": 3}
    )


def _given(folder: Path) -> Any:
    model = tiny.build_st(folder)
    card = model.model_card_data
    card.set_language(["en", "nl"])
    card.set_license("apache-2.0")
    card.set_model_id("me/river-finder")
    card.model_name = "River Finder (small)"
    card.add_tags(["rivers", "test:tag"])
    card.base_model, card.base_model_revision = "tinyorg/tiny-bert", "0123456789abcdef0123456789abcdef01234567"
    model.prompts = {"query": "search: ", "document": ""}
    return tiny.st_trainer(folder, model=model, args={"prompts": {"anchor": "search: "}})


def _listwise(folder: Path) -> Any:
    model = tiny.build_ce(folder)
    rows = Dataset.from_dict(
        {
            "query": tiny.questions(6),
            "docs": [tiny.texts(2 + number, offset=number) for number in range(6)],
            "labels": [[1] + [0] * (1 + number) for number in range(6)],
        }
    )
    return tiny.ce_trainer(folder, model=model, train_dataset=rows, loss=LambdaLoss(model))


def _with_lengths(folder: Path, model: Any, trainer: Callable[..., Any], query: int | None) -> Any:
    model[0].query_length, model[0].document_length = query, 24
    return trainer(folder, model=model)


SCENARIOS: dict[str, Scenario] = {
    "st_pairs": Scenario(tiny.st_trainer),
    "st_best": Scenario(
        lambda folder: tiny.st_trainer(
            folder, eval_dataset=tiny.pairs(6, offset=40), evaluator=tiny.similarity_evaluator(), args=BEST
        ),
        before=(tiny.similarity_evaluator,),
        after=(tiny.triplet_evaluator, tiny.similarity_evaluator),
    ),
    "st_two_sets": Scenario(_two_sets),
    "st_five_sets": Scenario(
        lambda folder: tiny.st_trainer(
            folder, train_dataset=DatasetDict({f"set-{letter}": tiny.pairs(8) for letter in "abcde"})
        )
    ),
    "st_streaming": Scenario(lambda folder: tiny.st_trainer(folder, train_dataset=tiny.streaming_pairs())),
    "st_matryoshka": Scenario(_matryoshka),
    "st_torch_format": Scenario(_torch_format),
    "st_softmax": Scenario(_softmax),
    "st_static": Scenario(_static),
    "st_router": Scenario(_router),
    "st_given": Scenario(_given),
    "st_hard_texts": Scenario(_hard),
    "st_default_loss": Scenario(_columns),
    "st_retrieval": Scenario(
        lambda folder: tiny.st_trainer(folder, train_dataset=tiny.question_pairs()), after=(tiny.retrieval_evaluator,)
    ),
    "st_groups": Scenario(
        tiny.st_trainer,
        after=(
            lambda: tiny.triplet_evaluator("easy dev"),
            lambda: tiny.similarity_evaluator(""),
            lambda: tiny.triplet_evaluator("hard_dev"),
            lambda: SequentialEvaluator([tiny.triplet_evaluator("third-dev"), tiny.similarity_evaluator("sts")]),
        ),
    ),
    "st_many_logs": Scenario(lambda folder: tiny.st_trainer(folder, args={"max_steps": 103, "logging_steps": 1})),
    "st_no_logs": Scenario(lambda folder: tiny.st_trainer(folder, args={"logging_steps": 500})),
    "st_odd": Scenario(
        lambda folder: tiny.st_trainer(folder, model=(model := tiny.build_st(folder)), loss=PlainLoss(model)),
        after=(OddEvaluator,),
    ),
    "ce_one_label": Scenario(
        lambda folder: tiny.ce_trainer(
            folder, eval_dataset=tiny.labelled_pairs(6), args={"eval_strategy": "steps", "eval_steps": 2}
        )
    ),
    "ce_three_labels": Scenario(
        lambda folder: tiny.ce_trainer(folder, labels=3), after=(tiny.classification_evaluator,)
    ),
    "ce_listwise": Scenario(_listwise),
    "ce_hard_texts": Scenario(
        lambda folder: tiny.ce_trainer(
            folder, train_dataset=Dataset.from_dict({"a": HARD, "b": HARD[::-1], "label": [0, 1] * 6})
        )
    ),
    "sparse_splade": Scenario(
        tiny.splade_trainer,
        after=(
            lambda: SparseEmbeddingSimilarityEvaluator(
                tiny.texts(6), tiny.texts(6, offset=9), [number / 6 for number in range(6)], name="sts", write_csv=False
            ),
        ),
    ),
    "sparse_best": Scenario(lambda folder: tiny.splade_trainer(folder, eval_dataset=tiny.question_pairs(6), args=BEST)),
    "mv_colbert": Scenario(tiny.colbert_trainer),
    "mv_lengths": Scenario(lambda folder: _with_lengths(folder, tiny.build_colbert(folder), tiny.colbert_trainer, 16)),
    "st_lengths": Scenario(lambda folder: _with_lengths(folder, tiny.build_st(folder), tiny.st_trainer, None)),
    "sparse_lengths": Scenario(
        lambda folder: _with_lengths(folder, tiny.build_splade(folder), tiny.splade_trainer, 16)
    ),
}
