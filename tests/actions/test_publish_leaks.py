"""A planted token, a home path or a private row reaches no request, wherever it stands."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cardgen.card.layout import render
from cardgen.errors import PublishRefused, Undecided
from cardgen.record import Citation, Column, Dataset, Emissions, LogEvent, Loss, Run
from cardgen.registry import Registry
from tests.actions.publishing import HEADER, REPO, RUN_ID, Publisher, publish_there
from tests.hub_server import Client, HubServer

TOKEN = "hf_" + "PlantedOne" + "a1" * 13
HOME = "/home/planted-user"
ROW = "the planted private row"
WRITES = "POST PUT DELETE PATCH"


@pytest.fixture(name="publisher")
def _publisher(client: Client, server: HubServer, tmp_path: Path) -> Iterator[Publisher]:
    server.requests.clear()
    yield Publisher(client, server, tmp_path)
    server.hub.repos.clear()
    for path in server.hub.store.folder.rglob("*"):
        if path.is_file():
            path.unlink()


def traces(server: HubServer, text: str) -> list[str]:
    """Where a text arrived: the addresses, headers and bodies of requests, and what was stored of them."""
    found = [f"{request.method} {request.path}" for request in server.received(text)]
    stored = [path for path in server.hub.store.folder.rglob("*") if path.is_file()]
    return found + [str(path) for path in stored if text.encode() in path.read_bytes()]


def store(publisher: Publisher, plant: Callable[[Run, str], Run], text: str) -> None:
    """Have the run say a text in one place."""
    with Registry(publisher.registry) as registry:
        registry.save(plant(registry.run(RUN_ID), text))


def _model(run: Run, **facts: Any) -> Run:
    return dataclasses.replace(run, model=dataclasses.replace(run.model, **facts))


def _data(run: Run, **facts: Any) -> Run:
    first = dataclasses.replace(run.datasets[0], **facts)
    return dataclasses.replace(run, datasets=(first, *run.datasets[1:]))


def _results(run: Run, **facts: Any) -> Run:
    first = dataclasses.replace(run.evaluations[0], **facts)
    return dataclasses.replace(run, evaluations=(first, *run.evaluations[1:]))


def _argument(run: Run, name: str, value: Any) -> Run:
    assert run.hyperparameters is not None
    values, defaults = run.hyperparameters.values, run.hyperparameters.defaults
    changed = dataclasses.replace(
        run.hyperparameters, values={**values, name: value}, defaults={**defaults, name: None}
    )
    return dataclasses.replace(run, hyperparameters=changed)


def _usage(run: Run, **facts: Any) -> Run:
    return dataclasses.replace(run, usage=dataclasses.replace(run.usage, **facts))


def _cell(run: Run, text: str) -> Run:
    samples = run.datasets[0].samples
    assert samples
    return _data(run, samples=((text, *samples[0][1:]), *samples[1:]))


def _emissions(run: Run, text: str) -> Run:
    return dataclasses.replace(
        run, emissions=Emissions(emissions_kg=1.0, energy_kwh=1.0, on_cloud=False, cpu_model=text)
    )


FACTS: dict[str, Callable[[Run, str], Run]] = {
    "title": lambda run, text: _model(run, title=f"Based on {text}/base"),
    "base model": lambda run, text: _model(run, base_model=f"{text}/base"),
    "revision": lambda run, text: _model(run, base_model_revision=text),
    "architecture": lambda run, text: _model(run, architecture=f"Model({text}/base)"),
    "licence": lambda run, text: _model(run, license=text),
    "language": lambda run, text: _model(run, language=(text,)),
    "tag": lambda run, text: _model(run, tags=(*run.model.tags, text)),
    "task": lambda run, text: _model(run, task=f"search in {text}/x"),
    "pipeline tag": lambda run, text: _model(run, pipeline_tag=text),
    "listed data set": lambda run, text: _model(run, dataset_ids=(text,)),
    "argument": lambda run, text: _argument(run, "resume_from_checkpoint", f"{text}/out"),
    "argument within another": lambda run, text: _argument(run, "optim_args", {"path": [f"{text}/out"]}),
    "name of an argument": lambda run, text: _argument(run, text, "x"),
    "name of a data set": lambda run, text: _data(run, name=f"{text}/rows", hub_id=None),
    "id of a data set": lambda run, text: _data(run, hub_id=f"{text}/rows"),
    "revision of a data set": lambda run, text: _data(run, revision=text),
    "column": lambda run, text: _data(run, columns=(Column(name=text), *run.datasets[0].columns[1:])),
    "loss": lambda run, text: _data(run, loss=Loss(name="x.Loss", configuration={"path": f"{text}/x"})),
    "text of a loss": lambda run, text: _data(run, loss=Loss(name="x.Loss", configuration_text=f"{{'p': '{text}/x'}}")),
    "name of a loss": lambda run, text: _data(run, loss=Loss(name=f"{text}/x.Loss")),
    "evaluator": lambda run, text: _results(run, evaluator=f"{text}/x.Evaluator"),
    "description": lambda run, text: _results(run, description=f"Retrieval {text}/x"),
    "name of an evaluation": lambda run, text: _results(run, dataset_name=f"{text}/x"),
    "configuration": lambda run, text: _results(run, configuration={"path": f"{text}/x"}),
    "metric": lambda run, text: _results(run, metrics={**run.evaluations[0].metrics, f"{text}/x": 0.5}),
    "processor": _emissions,
}
"""Metadata and arguments: neither a token nor a home path may go out."""
WORDS: dict[str, Callable[[Run, str], Run]] = {
    "cell": lambda run, text: _cell(run, f"see {text}/x"),
    "example": lambda run, text: _usage(run, examples=(f"see {text}/x", "b", "c"), similarities=None),
    "widget": lambda run, text: _usage(run, widget=({"text": f"see {text}/x"},)),
    "citation": lambda run, text: dataclasses.replace(
        run, citations=(Citation(heading=f"Of {text}/x", bibtex=f"@misc{{x, note={{{text}/x}}}}"),)
    ),
}
"""Texts: a token may not go out, a path is warned of."""


@pytest.mark.parametrize("place", [*FACTS, *WORDS])
def test_a_token_in_a_record_goes_nowhere(publisher: Publisher, place: str) -> None:
    """Nothing is written to the Hub then, and no address has it either."""
    store(publisher, (FACTS | WORDS)[place], TOKEN)
    with pytest.raises(PublishRefused) as caught:
        publisher.publish(samples="include")
    assert caught.value.hint
    assert publisher.server.log(WRITES) == []
    assert traces(publisher.server, TOKEN) == []


@pytest.mark.parametrize("place", FACTS)
def test_a_home_path_in_metadata_goes_nowhere(publisher: Publisher, place: str) -> None:
    """It is an error; hidden it may be published, as long as what is left is right."""
    store(publisher, FACTS[place], HOME)
    with pytest.raises(PublishRefused):
        publisher.publish(samples="include")
    assert publisher.server.log(WRITES) == []
    with contextlib.suppress(PublishRefused):
        publisher.publish(samples="include", redact=("paths",))
    assert traces(publisher.server, HOME) == []


@pytest.mark.parametrize("place", WORDS)
def test_a_home_path_in_words_is_hidden_on_request(publisher: Publisher, place: str) -> None:
    """In snippet, widget, rows and citations alike."""
    store(publisher, WORDS[place], HOME)
    publisher.publish(samples="include", redact=("paths",))
    assert publisher.commits() == 1
    assert traces(publisher.server, HOME) == []


def test_a_token_in_the_log_goes_nowhere(publisher: Publisher) -> None:
    """In the name of a logged value, as in its text."""
    with Registry(publisher.registry) as registry:
        values = {f"loss {TOKEN}": 1.0, "loss": 0.5, "note": TOKEN}
        registry.append(RUN_ID, [LogEvent(seq=900, kind="train", step=900, epoch=9.0, values=values)])
    try:
        publisher.publish()
    except PublishRefused:
        assert publisher.server.log(WRITES) == []
    assert traces(publisher.server, TOKEN) == []


@pytest.mark.parametrize("text", [f"My token is {TOKEN}.", f"password: '{TOKEN}'", f"![x](https://x.org/?key={TOKEN})"])
@pytest.mark.parametrize("where", ["body", "front matter"])
def test_a_token_in_a_persons_words_goes_nowhere(publisher: Publisher, where: str, text: str) -> None:
    """Whether they wrote it into the run's own card or into the repository's."""
    with Registry(publisher.registry) as registry:
        run, log = registry.run(RUN_ID), registry.log(RUN_ID)
        base = render(run, log)
        added = f"\n{text}\n" if where == "body" else ""
        edited = base + added if added else base.replace("---\n", f"---\nnote: {json.dumps(text)}\n", 1)
        registry.save_card_text(RUN_ID, "run", base=base, text=edited)
    with pytest.raises(PublishRefused, match="secret"):
        publisher.publish()
    assert publisher.server.log(WRITES) == []
    assert traces(publisher.server, TOKEN) == []


@pytest.mark.parametrize(
    "named",
    [
        {"message": f"by {TOKEN}"},
        {"message": f"from {HOME}/x"},
        {"tag": TOKEN},
        {"revision": TOKEN},
        {"repo_id": TOKEN},
        {"repo_id": f"{HOME}/x"},
    ],
)
def test_what_names_a_release_is_looked_at_before_anything_is_asked(
    publisher: Publisher, named: dict[str, str]
) -> None:
    """Message, tag, branch and repository stand in addresses and commits."""
    repo_id = named.pop("repo_id", REPO)
    with pytest.raises(PublishRefused):
        publisher.client.call(publish_there, publisher.registry, repo_id, named, None, token=publisher.token("ada"))
    assert publisher.server.requests == []


def test_the_name_of_a_run_is_in_the_message(publisher: Publisher) -> None:
    """So it is looked at, too."""
    with Registry(publisher.registry) as registry:
        registry.set_facts(RUN_ID, {"name": f"by {TOKEN}"})
    with pytest.raises(PublishRefused):
        publisher.publish()
    assert publisher.server.requests == []
    publisher.publish(message="a release")
    assert traces(publisher.server, TOKEN) == []


def _header(text: str) -> bytes:
    header = json.dumps({"__metadata__": {"format": "pt", "from": text}}).encode()
    return len(header).to_bytes(8, "little") + header


FILES: dict[str, Callable[[str], bytes]] = {
    "config.json": lambda text: json.dumps({"_name_or_path": f"{text}/base"}).encode(),
    "config_sentence_transformers.json": lambda text: json.dumps({"prompts": {"query": f"in {text}/x"}}).encode(),
    "modules.json": lambda text: json.dumps([{"idx": 0, "path": f"{text}/x"}], indent=2).encode(),
    "sentence_bert_config.json": lambda text: json.dumps({"x": [{text: 1}]}).encode(),
    "tokenizer_config.json": lambda text: json.dumps({"name_or_path": f"{text}/x", "pad_token": "[PAD]"}).encode(),
    "tokenizer.json": lambda text: b'{"x": "%s"}' % (b"y" * 17_000_000 + f" {text}/x".encode()),
    "special_tokens_map.json": lambda text: f'\ufeff{{"x": "{text}/x"}}'.encode("utf-16"),
    "added_tokens.json": lambda text: json.dumps({text: 1}).replace("/", "\\/").replace("h", "\\u0068").encode(),
    "vocab.txt": lambda text: f"a\n{text}\n".encode(),
    "merges.txt": lambda text: f"#version\n{text}/x y\n".encode("latin-1"),
    "chat_template.jinja": lambda text: f"{{# {text}/x #}}".encode(),
    "LICENSE": lambda text: f"See {text}/LICENSE.".encode(),
    "1_Pooling/config.json": lambda text: json.dumps({"from": f"{text}/x"}).encode(),
    "model.safetensors": lambda text: _header(f"{text}/x") + b"weights",
    "spiece.model": lambda text: b"\0\x01" + f"{text}/x".encode() + b"\xff\xfe",
    "onnx/model.onnx": lambda text: b"\x08\x01" + f"{text}/x.py".encode() + b"\0" * 100,
    "modeling.py": lambda text: f"PATH = '{text}/x'\n".encode(),
    "data.csv": lambda text: f"a,{text}/x\n".encode(),
}


@pytest.mark.parametrize("text", [TOKEN, HOME])
@pytest.mark.parametrize("name", FILES)
def test_what_a_file_holds_goes_nowhere(publisher: Publisher, name: str, text: str) -> None:
    """Whatever its encoding and size, in configuration, vocabularies, headers of weights and included files alike."""
    path = publisher.model / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(FILES[name](text))
    wanted: dict[str, Any] = {"allow_changed": True, "include": ("*.py", "*.csv")}
    with pytest.raises(PublishRefused, match=name):
        publisher.publish(**wanted)
    assert publisher.server.log(WRITES) == []
    try:
        publisher.publish(**wanted, redact=("paths",))
    except PublishRefused:
        assert publisher.server.log(WRITES) == []
    assert traces(publisher.server, text) == []


@pytest.mark.parametrize("secret", ["hub_token", "api_key", "password"])
def test_a_secret_of_no_known_form_is_known_by_its_name(publisher: Publisher, secret: str) -> None:
    """In a configuration, as in arguments."""
    (publisher.model / "config.json").write_text(json.dumps({"x": {secret: "planted0815word"}}))
    with pytest.raises(PublishRefused, match=r"config\.json holds what looks like a token"):
        publisher.publish()
    assert traces(publisher.server, "planted0815word") == []


def test_a_token_in_the_name_of_a_file_goes_nowhere(publisher: Publisher) -> None:
    """Names stand in every request on a file."""
    (publisher.model / f"{TOKEN}.safetensors").write_bytes(len(HEADER).to_bytes(8, "little") + HEADER)
    with pytest.raises(PublishRefused, match="looks like a token"):
        publisher.publish(allow_changed=True)
    assert traces(publisher.server, TOKEN) == []


def test_what_lies_beside_the_model_stays_there(publisher: Publisher) -> None:
    """Its README.md and our own file, whatever is included: the card is the one that was checked."""
    (publisher.model / "README.md").write_text(f"# {TOKEN}\n")
    (publisher.model / "cardgen.json").write_text(json.dumps({"run_id": RUN_ID, "x": TOKEN}))
    (publisher.model / "1_Pooling" / "cardgen.json").write_text(json.dumps({"x": TOKEN}))
    publisher.publish(include=("*",))
    assert traces(publisher.server, TOKEN) == []
    assert f'SentenceTransformer("{REPO}")'.encode() in publisher.files()["README.md"]
    assert not [name for name in publisher.files() if "cardgen" in name]


PRIVATE: dict[str, Callable[[Run], Run]] = {
    "samples": lambda run: _mine(run),
    "snippet": lambda run: _usage(_mine(run, samples=None), examples=(ROW, "b", "c"), similarities=None),
    "widget": lambda run: _usage(_mine(run, samples=None), widget=({"source_sentence": "a", "sentences": [ROW]},)),
    "no data set at all": lambda run: _usage(dataclasses.replace(run, datasets=()), widget=({"text": ROW},)),
}


def _mine(run: Run, **facts: Any) -> Run:
    columns = run.datasets[0].columns[:2]
    mine = Dataset(
        **{"role": "train", "name": "mine", "size": 1, "columns": columns, "samples": ((ROW, "a"),), **facts}
    )
    return dataclasses.replace(run, datasets=(*run.datasets, mine))


@pytest.mark.parametrize("edited", [False, True])
@pytest.mark.parametrize("place", PRIVATE)
def test_a_private_row_goes_into_no_public_repository(publisher: Publisher, place: str, edited: bool) -> None:
    """Unless somebody says so; also where a person's words stand in the run's own card, which has the row."""
    store(publisher, lambda run, _: PRIVATE[place](run), "")
    with Registry(publisher.registry) as registry:
        base = render(registry.run(RUN_ID), registry.log(RUN_ID))
        assert ROW in base
        if edited:
            text = base.replace("## Training Details", "At night.\n\n## Training Details")
            registry.save_card_text(RUN_ID, "run", base=base, text=text)
    with pytest.raises(Undecided):
        publisher.publish(private=False)
    assert publisher.server.log(WRITES) == []
    publisher.publish(private=False, samples="omit")
    assert traces(publisher.server, ROW) == []
    assert (b"At night." in publisher.files()["README.md"]) == edited


def test_the_other_transfer_gets_nothing_either(server: HubServer, tmp_path: Path) -> None:
    """Xet: no token is asked for, and its store stays empty."""
    pytest.importorskip("hf_xet")
    with Client(server.endpoint, hasty=True, HF_HUB_DISABLE_XET="0", HF_HOME=str(tmp_path / "hf")) as client:
        publisher = Publisher(client, server, tmp_path)
        server.requests.clear()
        (publisher.model / "model.safetensors").write_bytes(_header(TOKEN) + b"weights" * 1000)
        with pytest.raises(PublishRefused):
            publisher.publish(allow_changed=True)
        assert not server.log(path="xet")
        assert traces(server, TOKEN) == []


def test_what_is_planted_would_be_seen(publisher: Publisher) -> None:
    """The log of requests does show what is sent: a name, a row, a file's content, the message."""
    (publisher.model / "config.json").write_text('{"x": "the planted value"}')
    publisher.publish(message="the planted message")
    assert traces(publisher.server, "the planted value")
    assert traces(publisher.server, "the planted message")
    assert traces(publisher.server, "modules.json")
    assert traces(publisher.server, "weights")
