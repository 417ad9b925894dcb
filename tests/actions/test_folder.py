"""What the files beside a card add to its record."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from cardgen.actions.folder import FolderFacts, enrich, facts_of_files, facts_of_folder, hashed
from cardgen.actions.read import ImportedCard, read_card
from cardgen.card.layout import render
from cardgen.record import Checkpoint, Displayed, File, Hyperparameters, LogEvent, Model, Opaque, Run
from cardgen.registry.codec import encode_run
from cardgen.tracking.sidecar import public_facts, write_sidecar
from tests.golden.facts import folders, load

GOLDEN = Path(__file__).parents[1] / "golden"
RUN_ID = "018f0000-0000-7000-8000-000000000001"
RUN = Run(id=RUN_ID, name="amber-otter", model=Model(type="SentenceTransformer"), origin="imported")


def shown(text: str) -> Displayed:
    """A number as a table shows it."""
    return Displayed(text, float(text))


def event(kind: Any, step: int, epoch: Any, **values: Any) -> LogEvent:
    """An event of a log whose numbers are not looked at."""
    return LogEvent(seq=0, kind=kind, step=step, epoch=epoch, values=values)


def with_log(log: list[LogEvent], *history: dict[str, Any], run: Run = RUN, **state: Any) -> tuple[Run, list[LogEvent]]:
    """The run and a log after a trainer's state was beside its card."""
    facts = facts_of_files({"trainer_state.json": json.dumps({"log_history": history, **state}).encode()})
    return enrich(run, log, facts)


def steps(log: list[LogEvent]) -> list[tuple[str, int]]:
    """The kinds and steps of a log, whose events are numbered."""
    assert [entry.seq for entry in log] == list(range(len(log)))
    return [(entry.kind, entry.step) for entry in log]


def card(folder: Path) -> tuple[ImportedCard, Run]:
    """A golden card and its run."""
    found = read_card((folder / "README.md").read_bytes())
    assert found.run is not None
    return found, found.run


def state_of(log: list[LogEvent]) -> bytes:
    """The trainer's file that a log of golden facts stands for."""
    history = [
        {
            **{f"eval_{name}" if entry.kind == "evaluator" else name: value for name, value in entry.values.items()},
            "step": entry.step,
            "epoch": entry.epoch,
        }
        for entry in log
        if entry.step >= 0 and entry.values
    ]
    return json.dumps({"log_history": history}, sort_keys=True).encode()


@pytest.mark.parametrize("folder", folders(GOLDEN)[::4], ids=lambda folder: f"{folder.parent.name}-{folder.name}")
def test_files_make_the_record_exact_and_leave_the_card_as_it_is(folder: Path) -> None:
    """Of every kind of card: with its run's own files each number of the log is exact, and nothing shows it."""
    captured, log = load(folder)
    found, run = card(folder)
    sidecar = f'{{"run_id": "{captured.id}", "record": {encode_run(public_facts(captured))}}}'
    facts = facts_of_files({"trainer_state.json": state_of(log), "cardgen.json": sidecar.encode()})
    assert facts.run_id == captured.id
    rich, events = enrich(run, found.log, facts)
    assert rich.problems == ()
    assert render(rich, events) == found.base
    assert repr(enrich(rich, events, facts)) == repr((rich, events))  # NaN is not equal to itself
    exact = {(e.kind, e.step, name): value for e in events for name, value in e.values.items()}
    wanted = {(e.kind, e.step, name): value for e in log if e.step >= 0 for name, value in e.values.items()}
    assert repr({key: exact.get(key) for key in wanted}) == repr(wanted)
    assert (rich.id, rich.name, rich.origin) == (run.id, run.name, "imported")
    assert (rich.started, rich.ended) == (captured.started, captured.ended)
    assert rich.environment == captured.environment
    assert rich.model.architecture == captured.model.architecture
    if captured.hyperparameters is not None:
        assert rich.hyperparameters is not None
        local = {"output_dir", "logging_dir", "run_name"}  # of the machine: neither in the card nor in the file
        theirs = [(name, value) for name, value in captured.hyperparameters.values.items() if name not in local]
        assert list(rich.hyperparameters.values.items()) == theirs
        assert Opaque("unknown") not in rich.hyperparameters.defaults.values()
    assert [e.metrics for e in rich.evaluations] == [e.metrics for e in captured.evaluations]
    assert [e.configuration for e in rich.evaluations] == [e.configuration for e in captured.evaluations]


def test_a_log_is_completed_by_the_trainers() -> None:
    """What the table does not show joins its event, steps that it lacks come to their place, numbers get exact."""
    log = [
        event("evaluator", -1, -1, dev_ndcg=shown("0.1000")),
        event("train", 20, shown("0.0667"), loss=shown("0.5123")),
        event("eval", 20, shown("0.0667"), eval_loss=shown("0.4001")),
        event("evaluator", 20, shown("0.0667"), dev_ndcg=shown("0.8777")),
        event("train", 40, shown("0.1333"), loss=shown("0.3000")),
        event("evaluator", -1, -1, dev_ndcg=shown("0.9000")),
    ]
    _, rich = with_log(
        log,
        {"step": 10, "epoch": 0.03, "loss": 0.7, "grad_norm": 2.0},
        {"step": 20, "epoch": 0.06666666, "loss": 0.51234, "grad_norm": 1.5, "learning_rate": 5e-05},
        {"step": 20, "epoch": 0.06666666, "eval_loss": 0.40009, "eval_runtime": 1.25, "eval_dev_ndcg": 0.87774},
        {"step": 30, "epoch": 0.1, "eval_loss": 0.35, "eval_runtime": 1.0, "eval_dev_ndcg": 0.88, "eval_dev_map": 0.5},
        {"step": 40, "epoch": 0.13, "loss": 0.30001},
        {"step": 40, "epoch": 0.13, "train_runtime": 12.5, "train_loss": 0.4},
    )
    assert steps(rich) == [
        ("evaluator", -1),
        ("train", 10),
        ("train", 20),
        ("eval", 20),
        ("evaluator", 20),
        ("evaluator", 30),
        ("eval", 30),
        ("train", 40),
        ("train", 40),
        ("evaluator", -1),
    ]
    assert rich[0].values == {"dev_ndcg": shown("0.1000")}
    assert rich[2].values == {"loss": 0.51234, "grad_norm": 1.5, "learning_rate": 5e-05}
    assert rich[2].epoch == 0.06666666
    assert rich[3].values == {"eval_loss": 0.40009, "eval_runtime": 1.25, "eval_dev_ndcg": 0.87774}
    assert rich[4].values == {"dev_ndcg": 0.87774}
    assert rich[5].values == {"dev_ndcg": 0.88}
    assert (rich[7].values, rich[7].epoch) == ({"loss": 0.30001}, shown("0.1333"))  # an old library rounds the epoch


def test_a_number_of_the_bold_row_is_rounded_in_another_way() -> None:
    """Where the table shows `1.504` for 1.50404, this is the number behind it."""
    run = dataclasses.replace(RUN, best_step=2)
    entry = {"step": 2, "epoch": 0.5, "eval_loss": 1.50404}
    _, rich = with_log([event("eval", 2, 0.5, eval_loss=1.504)], entry, run=run)
    assert rich[0].values["eval_loss"] == 1.50404
    same, plain = with_log([event("eval", 2, 0.5, eval_loss=1.504)], entry)
    assert plain[0].values["eval_loss"] == 1.504
    assert same.problems


def test_the_state_of_another_training_is_left_out() -> None:
    """One number that the card contradicts, and nothing of the file is taken; this is said."""
    log = [event("train", 2, shown("0.5000"), loss=shown("0.5123"))]
    run, rich = with_log(log, {"step": 1, "loss": 0.9}, {"step": 2, "loss": 0.5})
    assert rich == log
    assert run.problems == ("trainer_state.json says something else than the card of step 2: it was left out",)


def test_a_repeated_validation_keeps_both_results() -> None:
    """The table shows the last one of a step; the first is kept before it."""
    log = [event("eval", 2, shown("0.5000"), eval_loss=shown("0.4000"))]
    _, rich = with_log(
        log,
        {"step": 2, "epoch": 0.5, "eval_loss": 0.51, "eval_runtime": 1.0},
        {"step": 2, "epoch": 0.5, "eval_loss": 0.40001, "eval_runtime": 2.0},
    )
    assert [entry.values for entry in rich] == [
        {"eval_loss": 0.51, "eval_runtime": 1.0},
        {"eval_loss": 0.40001, "eval_runtime": 2.0},
    ]


def test_losses_of_several_sets_are_told_apart() -> None:
    """Each set's validation completes the event that shows it."""
    log = [event("eval", 2, 0.5, eval_a_loss=shown("0.4000")), event("eval", 2, 0.5, eval_b_loss=shown("0.3000"))]
    _, rich = with_log(
        log,
        {"step": 2, "eval_a_loss": 0.40001, "eval_a_runtime": 1.0},
        {"step": 2, "eval_b_loss": 0.30001, "eval_b_runtime": 2.0},
    )
    assert [entry.values for entry in rich] == [
        {"eval_a_loss": 0.40001, "eval_a_runtime": 1.0},
        {"eval_b_loss": 0.30001, "eval_b_runtime": 2.0},
    ]


def test_a_table_whose_steps_do_not_count_up_gets_no_rows() -> None:
    """A card of two trainings: numbers get exact, nothing is put in between."""
    log = [event("train", 2, 0.5, loss=shown("0.5123")), event("train", 1, 0.2, loss=shown("0.4321"))]
    _, rich = with_log(log, {"step": 2, "loss": 0.51234}, {"step": 3, "loss": 0.1})
    assert [entry.values for entry in rich] == [{"loss": 0.51234}, {"loss": shown("0.4321")}]


@pytest.mark.parametrize(
    ("loads", "ended", "rows", "expected"),
    [(True, True, [], 20), (False, True, [], None), (True, False, [], None), (True, True, [20], None)],
)
def test_the_best_step_is_that_of_a_training_that_loads_it(
    loads: bool, ended: bool, rows: list[int], expected: int | None
) -> None:
    """At its end; before, the best may change, and a row that the card does not show as the best is not."""
    run = dataclasses.replace(RUN, hyperparameters=Hyperparameters(values={"load_best_model_at_end": loads}))
    history = [{"step": 40, "train_runtime": 1.0}] if ended else [{"step": 40, "loss": 1.0}]
    log = [event("train", step, 0.1, loss=0.5) for step in rows]
    rich, _ = with_log(log, *history, run=run, best_model_checkpoint="C:\\out\\checkpoint-20")
    assert rich.best_step == expected


@pytest.mark.parametrize(
    "content", [b"{", b"[1, 2", b"\xff\xfe\x00", b"", b"[" * 100_000, b'{"log_history": 1' + b"0" * 5000 + b"}"]
)
def test_malformed_json_is_a_note(tmp_path: Path, content: bytes) -> None:
    """In every file; the card is imported all the same, and the note is kept with the run."""
    names = ("trainer_state.json", "config.json", "modules.json", "config_sentence_transformers.json", "cardgen.json")
    for name in names:
        (tmp_path / name).write_bytes(content)
    run, log = enrich(RUN, [], hashed(facts_of_folder(tmp_path)))
    assert len(run.problems) == len(names)
    assert all(note.split(" ")[0] in names for note in run.problems)
    assert (run.model, log) == (RUN.model, [])


HOSTILE: list[Any] = [
    None,
    5,
    "text",
    [],
    [[]],
    {"log_history": {"a": 1}},
    {"log_history": [None, 1, "x", {}, {"step": "2", "loss": 1}, {"step": -3, "loss": 1}, {"step": True, "loss": 1}]},
    {"log_history": [{"step": 1, "loss": {"a": [1]}, "epoch": "x"}], "global_step": "many", "best_model_checkpoint": 3},
    {"__version__": [1], "similarity_fn_name": 5, "model_type": None},
    {"__version__": {"pytorch": "x" * 1000, "transformers": 4}},
    {"id2label": [], "transformers_version": {}, "sentence_transformers": 1, "max_seq_length": True},
    [{"type": 5, "path": 1}],
    [{"type": "a.Dense", "path": "../../../etc"}],
    [{"type": "a.Dense", "path": "/etc/passwd"}],
    [{"type": "a.Dense", "path": "\0"}],
    {"run_id": 5, "record": {}},
    {"run_id": RUN_ID},
    {"run_id": RUN_ID, "record": {"document_version": 99, "run": {}}},
    {"run_id": "../../x", "record": {"document_version": 1, "run": {}}},
    {"run_id": RUN_ID, "record": {"document_version": 1, "run": {"id": "x", "name": "y", "model": {}}}},
]


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_well_formed_nonsense_changes_nothing(tmp_path: Path, number: int) -> None:
    """JSON of another form than expected, in whichever file, adds no fact and raises nothing."""
    for name in ("trainer_state.json", "config.json", "modules.json", "sentence_bert_config.json"):
        (tmp_path / name).write_text(json.dumps(HOSTILE[number]))
    (tmp_path / "config_sentence_transformers.json").write_text(json.dumps(HOSTILE[number]))
    (tmp_path / "cardgen.json").write_text(json.dumps(HOSTILE[number]))
    facts = dataclasses.replace(facts_of_folder(tmp_path), folder=None)
    assert facts.run_id is None
    run, log = enrich(RUN, [], facts)
    assert dataclasses.replace(run, problems=()) == RUN
    assert log == []


def test_a_state_that_repeats_itself_ends_soon() -> None:
    """Ten times as many entries of one step cost about ten times as much, not the square."""

    def cost(entries: int) -> float:
        started = time.process_time()
        with_log([event("train", 1, 0.1, loss=0.5)], *({"step": 1, f"x{n % 7}": n} for n in range(entries)))
        return time.process_time() - started

    assert cost(50_000) < 40 * max(cost(5_000), 0.005)


def test_the_files_tell_what_the_card_lacks() -> None:
    """Length, dimensions, similarity and versions of the libraries; what the card says stays."""
    files: dict[str, Any] = {
        "config.json": {"transformers_version": "4.1", "_name_or_path": "/home/ada/secret-model"},
        "config_sentence_transformers.json": {
            "__version__": {"sentence_transformers": "5.1.0", "transformers": "4.56.0", "pytorch": "2.8.0"},
            "similarity_fn_name": "dot",
            "model_type": "SentenceTransformer",
        },
        "sentence_bert_config.json": {"max_seq_length": 384, "do_lower_case": False},
        "modules.json": [
            {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
            {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
            {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"},
        ],
        "1_Pooling/config.json": {
            "word_embedding_dimension": 384,
            "pooling_mode_cls_token": True,
            "pooling_mode_mean_tokens": True,
            "pooling_mode_max_tokens": False,
        },
    }
    facts = facts_of_files({name: json.dumps(data).encode() for name, data in files.items()})
    model = enrich(RUN, [], facts)[0].model
    assert (model.max_seq_length, model.output_dimensionality, model.similarity_function) == (384, 768, "dot")
    assert model.base_model is None  # a path of somebody's machine names no model
    said = Model(type="SentenceTransformer", max_seq_length=Displayed("None", None), output_dimensionality=32)
    run = dataclasses.replace(
        RUN, model=said, environment=dataclasses.replace(RUN.environment, versions={"torch": "2.0"})
    )
    rich = enrich(run, [], facts)[0]
    assert rich.model == dataclasses.replace(said, similarity_function="dot")
    wanted = {"torch": "2.0", "sentence_transformers": "5.1.0", "transformers": "4.56.0"}
    assert rich.environment.versions == wanted
    other = dataclasses.replace(RUN, model=Model(type="CrossEncoder"))
    rich = enrich(other, [], facts)[0]
    assert (rich.model, rich.environment.versions) == (other.model, {})
    assert "SentenceTransformer" in rich.problems[0]


def test_a_version_that_has_another_form_than_the_card_is_not_its_own() -> None:
    """A card of an old library in a folder that was saved anew later keeps its layout."""
    config = {"__version__": {"sentence_transformers": "5.1.0", "pytorch": "2.8.0"}}
    facts = facts_of_files({"config_sentence_transformers.json": json.dumps(config).encode()})
    old = enrich(dataclasses.replace(RUN, layout="3.0.1"), [], facts)[0]
    assert old.environment.versions == {"torch": "2.8.0"}
    own = enrich(dataclasses.replace(RUN, layout="5.1.1"), [], facts)[0]
    assert own.environment.versions == {"torch": "2.8.0", "sentence_transformers": "5.1.0"}


def test_a_record_of_another_kind_of_model_is_left_out(tmp_path: Path) -> None:
    """`cardgen.json` beside a card that is not its own gives no facts."""
    write_sidecar(tmp_path, dataclasses.replace(RUN, layout=None, best_step=7, log_columns=("a",)))
    other = dataclasses.replace(RUN, model=Model(type="CrossEncoder"))
    run, _ = enrich(other, [], dataclasses.replace(facts_of_folder(tmp_path), folder=None))
    assert run.model == other.model
    assert "CrossEncoder" in run.problems[0]


def test_a_record_of_another_run_is_left_out() -> None:
    """An id that is not the record's own ties nothing to anything."""
    record = encode_run(dataclasses.replace(RUN, id=RUN_ID.replace("1", "2")))
    facts = facts_of_files({"cardgen.json": f'{{"run_id": "{RUN_ID}", "record": {record}}}'.encode()})
    assert (facts.run_id, facts.record) == (None, None)
    assert facts.notes == ("cardgen.json was not understood: its record is that of another run",)


def test_a_folder_becomes_a_checkpoint_with_every_hash(tmp_path: Path) -> None:
    """Pickles are hashed as well; hidden folders, inner checkpoints and links are no part of it."""
    folder = tmp_path / "checkpoint-12"
    outside = tmp_path / "outside.txt"
    outside.write_text("secret")
    contents = {
        "README.md": b"card",
        "model.safetensors": b"weights",
        "training_args.bin": b"\x80\x04cos\nsystem\n(S'exit 1'\ntR.",
        "1_Pooling/config.json": b"{}",
        "trainer_state.json": b'{"global_step": 14, "best_model_checkpoint": "/elsewhere/checkpoint-12"}',
    }
    for name, data in {**contents, ".git/objects/x": b"x", "checkpoint-3/y": b"y", "cardgen.json": b"{}"}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    (folder / "link.txt").symlink_to(outside)
    (folder / "config.json").symlink_to(outside)
    (folder / "2_Dense").symlink_to(tmp_path)
    os.mkfifo(folder / "pipe")
    seen: list[tuple[int, int]] = []
    run, _ = enrich(RUN, [], hashed(facts_of_folder(folder), progress=lambda done, total: seen.append((done, total))))
    (point,) = run.checkpoints
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in contents.items()}
    assert {file.path: file.sha256 for file in point.files} == hashes
    assert {file.path: file.size for file in point.files} == {name: len(data) for name, data in contents.items()}
    assert (point.path, point.step, point.best) == (str(folder), 14, True)
    assert point.weights == hashes["model.safetensors"]
    total = sum(map(len, contents.values()))
    assert seen[-1] == (total, total)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert any("config.json leads out of the folder" in note for note in run.problems)


def test_a_known_checkpoint_is_completed_and_not_added_again(tmp_path: Path) -> None:
    """The same folder, a copy of it and a folder that changed make no second one, and nothing known is overwritten."""
    folder, copy = tmp_path / "checkpoint-12", tmp_path / "copy"
    for place in (folder, copy):
        place.mkdir()
        (place / "config.json").write_bytes(b"{}")
        (place / "model.safetensors").write_bytes(b"weights")
    (point,) = (run := enrich(RUN, [], hashed(facts_of_folder(folder)))[0]).checkpoints
    assert enrich(run, [], hashed(facts_of_folder(folder)))[0] == run
    assert enrich(run, [], hashed(facts_of_folder(copy)))[0] == run
    (folder / "model.safetensors").write_bytes(b"other--")
    assert hashed(facts_of_folder(folder), run.checkpoints).checkpoint is point  # known: nothing is read
    assert enrich(run, [], hashed(facts_of_folder(folder)))[0] == run
    bare = dataclasses.replace(
        run, checkpoints=(Checkpoint(path=str(folder), best=True, files=(File(path="config.json", size=2),)),)
    )
    (folder / "model.safetensors").unlink()
    (found,) = enrich(bare, [], hashed(facts_of_folder(folder), bare.checkpoints))[0].checkpoints
    assert (found.step, found.best) == (12, True)
    assert found.files == tuple(file for file in point.files if file.path == "config.json")
    other = tmp_path / "checkpoint-9"
    other.mkdir()
    (other / "config.json").write_bytes(b"{} ")
    assert len(enrich(run, [], hashed(facts_of_folder(other)))[0].checkpoints) == 2


def test_large_files_report_their_progress(tmp_path: Path) -> None:
    """Hashing tells how far it is within one file."""
    (tmp_path / "config.json").write_bytes(b"{}")
    with open(tmp_path / "model.safetensors", "wb") as file:
        file.truncate(5_000_000)
    seen: list[int] = []
    hashed(facts_of_folder(tmp_path), progress=lambda done, total: seen.append(done))
    assert len(seen) > 4
    assert seen[-1] == 5_000_002


def test_a_folder_that_holds_no_model_is_no_checkpoint(tmp_path: Path) -> None:
    """A project's README does not make the project's files somebody's weights."""
    (tmp_path / "README.md").write_text("# Project")
    (tmp_path / "train.py").write_text("print()")
    facts = facts_of_folder(tmp_path)
    assert facts == FolderFacts()
    assert enrich(RUN, [], facts) == (RUN, [])


def test_json_above_50_megabytes_is_not_read(tmp_path: Path) -> None:
    """It is a note; the file still counts as one of the checkpoint."""
    with open(tmp_path / "trainer_state.json", "wb") as file:
        file.truncate(50_000_001)
    facts = facts_of_folder(tmp_path)
    assert facts.notes == ("trainer_state.json is larger than 50 MB and was not read",)


def test_a_real_checkpoint_gives_what_was_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A training of today's library: its checkpoint, read as a stranger's, has the log that the trainer had."""
    from tests.tracking import tiny

    arguments = {"save_strategy": "steps", "save_steps": 4, "eval_strategy": "steps", "eval_steps": 2}
    trainer = tiny.st_trainer(
        tmp_path, args=arguments, eval_dataset=tiny.pairs(8), evaluator=tiny.similarity_evaluator()
    )
    trainer.train()
    folder = tmp_path / "out" / "checkpoint-4"
    found, run = card(folder)
    assert found.grade == "exact"
    facts = hashed(facts_of_folder(folder))
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "pickle", None)  # nothing loads one
        rich, log = enrich(run, found.log, facts)
    assert rich.problems == ()
    assert render(rich, log) == found.base
    history = [entry for entry in trainer.state.log_history if entry["step"] <= 4 and "train_runtime" not in entry]
    numbers = [{name: value for name, value in entry.items() if name not in ("step", "epoch")} for entry in history]
    assert sorted(map(repr, map(sorted, (e.values.items() for e in log if e.kind != "evaluator")))) == sorted(
        map(repr, map(sorted, (values.items() for values in numbers)))
    )
    (point,) = rich.checkpoints
    assert point.step == 4
    assert {file.path for file in point.files} >= {"model.safetensors", "training_args.bin", "1_Pooling/config.json"}
    assert point.weights == hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
