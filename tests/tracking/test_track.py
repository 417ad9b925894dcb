"""One `with` statement, and the whole run is in the registry."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest

import cardgen
from cardgen.capture.usage import usage_examples
from cardgen.errors import RecordingError, SettingsError
from cardgen.record import LogEvent, ModelType, Run
from cardgen.registry import Registry
from tests.tracking import tiny

Open = Callable[[], Registry]
pytestmark = pytest.mark.filterwarnings("ignore:::(?!cardgen)")


@pytest.mark.parametrize("kind", get_args(ModelType))
def test_a_run_of_every_type_is_in_the_registry_as_it_is_in_memory(
    kind: str, tmp_path: Path, open_registry: Open
) -> None:
    """Nothing of the record or the log is lost on the way through spool, thread and database."""
    trainer = tiny.TRAINERS[kind](tmp_path)
    with cardgen.track(trainer, project="p", group="g", tags=["a", "b"], name="first") as run:
        trainer.train()
        trainer.model.save_pretrained(str(tmp_path / "final"))
    with open_registry() as registry:
        stored = registry.run(run.id)
        log = registry.log(run.id)
    assert stored == run.run
    assert log == run.log
    assert (stored.name, stored.project, stored.group, stored.tags) == ("first", "p", "g", ("a", "b"))
    assert stored.status == "finished"
    assert stored.problems == ()
    assert stored.model.type == kind


def test_facts_of_the_model_are_the_librarys(tmp_path: Path) -> None:
    """Title, sizes, tags and the printed similarities equal what the model and its card data say."""
    trainer = tiny.st_trainer(tmp_path)
    with cardgen.track(trainer) as run:
        trainer.train()
        trainer.save_model()
    model, card = trainer.model, trainer.model.model_card_data
    facts = run.run.model
    assert facts.architecture == str(model)
    assert (facts.title, facts.max_seq_length, facts.output_dimensionality) == ("SentenceTransformer", 32, 32)
    assert facts.similarity_function == "cosine"
    assert facts.tags == tuple(card.tags)
    assert "loss:MultipleNegativesRankingLoss" in facts.tags
    assert (facts.pipeline_tag, facts.task) == (card.pipeline_tag, card.task_name)
    usage = run.run.usage
    assert usage.examples == tuple(usage_examples(card) or ())
    assert usage.widget == tuple(card.widget)
    if not hasattr(card, "similarities"):
        pytest.skip("this version of the library does not run the examples")
    assert usage.similarities is not None
    assert [len(row) for row in usage.similarities.rows] == [3, 3, 3]
    assert usage.similarities.rows[0][0].text in card.similarities


def test_types_differ_in_what_they_know(tmp_path: Path) -> None:
    """Labels, words for the kind, shapes and lengths are recorded for the types that have them."""
    found: dict[str, Run] = {}
    cases: tuple[tuple[str, dict[str, Any]], ...] = (
        ("CrossEncoder", {"labels": 3}),
        ("SparseEncoder", {}),
        ("MultiVectorEncoder", {}),
    )
    for kind, options in cases:
        trainer = tiny.TRAINERS[kind](tmp_path / kind, **options)
        with cardgen.track(trainer) as run:
            trainer.train()
            trainer.save_model()
        found[kind] = run.run
    ce, splade, colbert = found.values()
    assert (ce.model.label_count, ce.model.output_dimensionality, ce.model.label) == (3, None, None)
    assert ce.usage.similarities is not None
    assert (ce.usage.similarities.source, len(ce.usage.similarities.rows[0])) == ("numpy", 3)
    assert ce.usage.examples is not None
    assert all(isinstance(pair, tuple) and len(pair) == 2 for pair in ce.usage.examples)
    assert (splade.model.label, splade.model.title) == ("SPLADE Sparse Encoder", "SPLADE Sparse Encoder")
    assert splade.model.similarity_function == "dot"
    assert splade.model.information_retrieval is True
    assert (colbert.model.label, colbert.model.similarity_function) == ("Multi-Vector Encoder", "maxsim")
    assert colbert.usage.query_shape is not None
    assert len(colbert.usage.query_shape) == 2


def test_arguments_keep_type_order_and_the_defaults_they_differ_from(tmp_path: Path) -> None:
    """The record's arguments are `args.to_dict()`; the differing ones are those the library lists, and hidden ones."""
    trainer = tiny.st_trainer(tmp_path, args={"learning_rate": 1e-5, "prompts": {"anchor": "q: "}})
    with cardgen.track(trainer) as run:
        trainer.train()
    parameters = run.run.hyperparameters
    assert parameters is not None
    assert list(parameters.values) == list(trainer.args.to_dict())
    assert {name: repr(value) for name, value in parameters.values.items()} == {
        name: repr(value) for name, value in trainer.args.to_dict().items()
    }
    listed = trainer.model.model_card_data.non_default_hyperparameters
    assert set(listed) <= set(parameters.defaults)
    assert parameters.defaults["learning_rate"] == 5e-05
    assert "num_train_epochs" not in parameters.defaults
    assert [n for n in parameters.values if n in parameters.defaults] == list(parameters.defaults)


def test_a_callback_added_late_still_tells_the_changed_arguments(tmp_path: Path) -> None:
    """Where the trainer was not seen being made, the library's own list and the defaults of the fields are used."""
    trainer = tiny.st_trainer(tmp_path)
    callback = cardgen.CardCallback()
    trainer.add_callback(callback)
    trainer.train()
    run = callback.run
    assert run is not None
    parameters = run.run.hyperparameters
    assert parameters is not None
    assert list(parameters.defaults) == list(trainer.model.model_card_data.non_default_hyperparameters)
    assert parameters.defaults["max_steps"] == -1
    run.finish()


def test_data_sets_are_recorded_as_values(tmp_path: Path) -> None:
    """Size, columns, statistics, samples and loss of several named sets, training and evaluation apart."""
    trainer = tiny.st_trainer(
        tmp_path,
        train_dataset=tiny.named_sets(one=tiny.pairs(8), two=tiny.pairs(12, offset=5)),
        eval_dataset={"dev": tiny.pairs(6, offset=20)},
    )
    with cardgen.track(trainer) as run:
        trainer.train()
    one, two, dev = run.run.datasets
    assert [(d.role, d.name, d.size) for d in (one, two, dev)] == [
        ("train", "one", 8),
        ("train", "two", 12),
        ("eval", "dev", 6),
    ]
    assert [column.name for column in one.columns] == ["anchor", "positive"]
    assert one.samples == tuple(zip(tiny.texts(3), tiny.texts(3, offset=17), strict=True))
    statistics = one.columns[0].statistics
    assert statistics is not None
    lengths = [len(tokens) for tokens in tiny.tokenizer()(tiny.texts(8))["input_ids"]]
    assert (statistics.kind, statistics.unit, statistics.minimum, statistics.maximum) == (
        "length", "tokens", min(lengths), max(lengths),
    )  # fmt: skip
    assert statistics.mean == round(sum(lengths) / 8, 2)
    assert two.loss is not None
    assert two.loss.name.endswith(".MultipleNegativesRankingLoss")
    assert two.loss.configuration is not None
    assert two.loss.configuration["scale"] == 20.0


def test_a_stream_is_not_consumed(tmp_path: Path) -> None:
    """Of a streaming set columns and loss are known; no row is read for the record."""
    read: list[int] = []
    pairs = list(zip(tiny.texts(16), tiny.texts(16, offset=17), strict=True))

    def rows() -> Any:
        for number, (anchor, positive) in enumerate(pairs):
            read.append(number)
            yield {"anchor": anchor, "positive": positive}

    from datasets import Features, IterableDataset, Value

    features = Features({"anchor": Value("string"), "positive": Value("string")})
    stream = IterableDataset.from_generator(rows, features=features)
    trainer = tiny.st_trainer(tmp_path, train_dataset=stream)
    read.clear()
    with cardgen.track(trainer) as run:
        assert read == []
        trainer.train()
    (dataset,) = run.run.datasets
    assert (dataset.streaming, dataset.size, dataset.samples, dataset.sampled_rows) == (True, None, None, None)
    assert [(column.name, column.statistics) for column in dataset.columns] == [("anchor", None), ("positive", None)]
    assert dataset.loss is not None


def test_the_library_sees_a_callback_of_its_constructor(tmp_path: Path, open_registry: Open) -> None:
    """`callbacks=[CardCallback()]` records the same as `track`, evaluations before training included."""
    callback = cardgen.CardCallback(project="q")
    trainer = tiny.st_trainer(tmp_path, callbacks=[callback])
    tiny.similarity_evaluator("before")(trainer.model)
    trainer.train()
    tiny.similarity_evaluator("after")(trainer.model)
    run = callback.run
    assert run is not None
    run.finish()
    with open_registry() as registry:
        stored = registry.run(run.id)
        log = registry.log(run.id)
    assert [evaluation.dataset_name for evaluation in stored.evaluations] == ["before", "after"]
    assert stored.hyperparameters is not None
    assert stored.hyperparameters.defaults["max_steps"] == -1
    assert [event.step for event in log if event.kind == "evaluator"] == [-1, -1]
    assert stored.project == "q"


def test_the_card_can_be_rendered_while_training(tmp_path: Path) -> None:
    """`render_card` takes the live handle, during the run and after it."""
    from transformers import TrainerCallback

    cards: list[str] = []

    class Look(TrainerCallback):  # type: ignore[misc,unused-ignore]
        def on_log(self, *args: Any, **kwargs: Any) -> None:
            cards.append(cardgen.render_card(run))

    trainer = tiny.st_trainer(tmp_path, callbacks=[Look()])
    with cardgen.track(trainer) as run:
        trainer.train()
    cards.append(cardgen.render_card(run))
    assert len(cards) == 4
    assert all(card.startswith("---\ntags:") for card in cards)


def test_a_wrong_argument_raises_before_training(tmp_path: Path) -> None:
    """Objects that are no trainers, names that are no lines of text, unknown registries: said at once, with a hint."""
    trainer = tiny.st_trainer(tmp_path)
    for wrong, expected in (
        ({"name": 5}, RecordingError),
        ({"name": "two\nlines"}, RecordingError),
        ({"name": " "}, RecordingError),
        ({"project": b"p"}, RecordingError),
        ({"group": "x" * 300}, RecordingError),
        ({"tags": "tag"}, RecordingError),
        ({"tags": [1]}, RecordingError),
        ({"registry": "mongodb://host/db"}, SettingsError),
        ({"registry": 7}, SettingsError),
    ):
        with pytest.raises(expected) as caught, cardgen.track(trainer, **wrong):
            pass
        assert caught.value.hint
        with pytest.raises(expected):
            cardgen.CardCallback(**wrong)
    for thing in (None, "trainer", object(), type(trainer.model)):
        with pytest.raises(RecordingError, match="cannot be recorded"), cardgen.track(thing):
            pass
    assert not any(isinstance(callback, cardgen.CardCallback) for callback in trainer.callback_handler.callbacks)


def test_a_trainer_is_recorded_once(tmp_path: Path) -> None:
    """`track` inside `track`, or around a trainer with a CardCallback, is refused."""
    trainer = tiny.st_trainer(tmp_path)
    with cardgen.track(trainer), pytest.raises(RecordingError, match="already"), cardgen.track(trainer):
        pass
    trainer = tiny.st_trainer(tmp_path / "other", callbacks=[cardgen.CardCallback()])
    with pytest.raises(RecordingError, match="already"), cardgen.track(trainer):
        pass


@pytest.mark.parametrize(
    ("variable", "value"), [("CARDGEN_MODE", "sometimes"), ("CARDGEN_SAMPLES", "some"), ("CARDGEN_RUN_ID", "../x")]
)
def test_a_wrong_environment_raises_before_training(
    variable: str, value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A setting that cannot be right is not ignored."""
    trainer = tiny.st_trainer(tmp_path)
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError, match=variable), cardgen.track(trainer):
        pass


def test_two_runs_may_ask_for_one_name(tmp_path: Path, open_registry: Open) -> None:
    """The registry counts the second one up, and the handle knows its name."""
    names = []
    for part in ("a", "b"):
        trainer = tiny.st_trainer(tmp_path / part)
        with cardgen.track(trainer, name="twin") as run:
            trainer.train()
        names.append(run.name)
    assert names[0] == "twin"
    assert names[1] != "twin"
    with open_registry() as registry:
        assert {row.name for row in registry.listing()} == set(names)


def test_the_user_is_told_twice(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """One line at the start, one at the end, on stderr; the second says how to see the card."""
    trainer = tiny.st_trainer(tmp_path)
    with cardgen.track(trainer, name="told") as run:
        trainer.train()
        run.evaluate(tiny.similarity_evaluator())
    lines = [line for line in capfd.readouterr().err.splitlines() if line.startswith("cardgen:")]
    assert len(lines) == 2
    assert lines[0].startswith("cardgen: recording told in ")
    assert (
        lines[1] == "cardgen: told finished; see it: cardgen runs show told; publish it: cardgen publish told REPO_ID"
    )


def test_log_events_are_numbered_and_dated(tmp_path: Path) -> None:
    """Numbers count up from 0, times do not go back and are in UTC."""
    trainer = tiny.st_trainer(tmp_path, eval_dataset=tiny.pairs(4), args={"eval_strategy": "steps", "eval_steps": 2})
    with cardgen.track(trainer) as run:
        trainer.train()
    log: list[LogEvent] = run.log
    assert [event.seq for event in log] == list(range(len(log)))
    times = [event.at for event in log if event.at is not None]
    assert times == sorted(times)
    assert all(time.utcoffset() is not None and not time.utcoffset() for time in times)
    assert {event.kind for event in log} == {"train", "eval"}
    assert not any("eval_runtime" in event.values for event in log if event.kind == "train")
