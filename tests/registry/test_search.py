"""Full text: the same runs are found on both engines, whatever the script, and the place is shown."""

# ruff: noqa: RUF001
from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings

from cardgen.errors import QueryError, RegistryError, RegistryNotFound
from cardgen.record import Dataset, Evaluation, Loss, Model, Run, Usage
from cardgen.registry import Hit, Registry, SpoolWriter, copy_registry
from cardgen.registry.search import asking, find, index
from cardgen.registry.search.asking import Phrase, Question
from cardgen.registry.search.postings import GAP, columns
from cardgen.registry.search.texts import PARTS, Text
from cardgen.registry.tables import run as run_table

MakeRun = Callable[..., Run]
DAY = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def names(registry: Registry, text: str, **options: Any) -> list[str]:
    """The names of the runs that are found, in any order."""
    return sorted(hit.name for hit in registry.search(text, **options))


def marked(hit: Hit) -> list[str]:
    """The parts of a hit's text that are marked."""
    return [hit.text[start:end] for start, end in hit.spans]


@pytest.fixture
def cards(registry: Registry, make_run: MakeRun) -> Registry:
    """A registry with runs in several languages."""
    arabic = make_run(
        name="amber-otter",
        project="law",
        created=DAY,
        model=Model(
            type="CrossEncoder",
            title="Legal reranker",
            base_model="sentence-transformers/all-MiniLM-L6-v2",
            language=("ar",),
        ),
        datasets=(
            Dataset(
                role="train",
                name="قوانين",
                loss=Loss(name="sentence_transformers.losses.MultipleNegativesRankingLoss"),
                samples=(("ما هو القَانُونُ المدنيّ؟", ["يُنَظِّم الأفراد"]),),
            ),
        ),
    )
    asian = make_run(
        name="brisk-heron",
        project="search",
        created=DAY + dt.timedelta(days=1),
        tags=("東京都",),
        datasets=(Dataset(role="eval", samples=(("日本の首都は東京です。", "서울에서 법률을 검색", "การค้นหาข้อมูล"),)),),
        usage=Usage(examples=("向量检索模型",), widget=({"text": "Straße in Łódź"},)),
    )
    plain = make_run(
        name="calm-lynx",
        created=DAY + dt.timedelta(days=2),
        evaluations=(Evaluation(evaluator="a.b.InformationRetrievalEvaluator", primary_metric="nano_ndcg@10"),),
    )
    for run in (arabic, asian, plain):
        registry.save(run)
    words = "# Uses\n\nA café for **legal** texts; see learning_rate.\n\n<!-- ## Bias -->\n| 0.5 | 12 |\n"
    registry.save_card_text(plain.id, "run", base="", text=words)
    return registry


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("legal", ["amber-otter", "calm-lynx"]),
        ("LEGAL Reranker", ["amber-otter"]),
        ("arabic legal reranker", ["amber-otter"]),
        ("legal texts", ["calm-lynx"]),
        ('"legal texts"', ["calm-lynx"]),
        ('"texts legal"', []),
        ("legal -reranker", ["calm-lynx"]),
        ('legal -"legal reranker"', ["calm-lynx"]),
        ("rerank*", ["amber-otter"]),
        ("rerank", []),
        # Arabic: with and without signs, with and without its article
        ("القانون", ["amber-otter"]),
        ("قانون", ["amber-otter"]),
        ("القَانُون المَدَنِي", ["amber-otter"]),
        ('"القانون المدني"', ["amber-otter"]),
        ("ينظم", ["amber-otter"]),
        ("الافراد", ["amber-otter"]),
        ("محكمة", []),
        # words inside sentences without blanks
        ("首都", ["brisk-heron"]),
        ("東京", ["brisk-heron"]),
        ("東京都", ["brisk-heron"]),
        ("京東", []),
        ("都", ["brisk-heron"]),
        ("检索", ["brisk-heron"]),
        ("索检", []),
        ("서울", ["brisk-heron"]),
        ("법률", ["brisk-heron"]),
        ("검색", ["brisk-heron"]),
        ("ข้อมูล", ["brisk-heron"]),
        ("ข้อมูลค", []),
        # accents, other letters, other widths
        ("strasse", ["brisk-heron"]),
        ("STRASSE lodz", ["brisk-heron"]),
        ("CAFÉ", ["calm-lynx"]),
        ("cafe\u0301", ["calm-lynx"]),
        ("ｃａｆｅ", ["calm-lynx"]),
        # identifiers, whole and by their parts
        ("all-MiniLM-L6-v2", ["amber-otter"]),
        ("all-minilm-l6-v2", ["amber-otter"]),
        ("minilm", ["amber-otter"]),
        ("L6", ["amber-otter"]),
        ("mini lm", ["amber-otter"]),
        ("all-MiniLM-L12-v2", []),
        ("MultipleNegativesRankingLoss", ["amber-otter"]),
        ("multiplenegativesrankingloss", ["amber-otter"]),
        ('"negatives ranking loss"', ["amber-otter"]),
        ("ndcg@10", ["calm-lynx"]),
        ("nano_ndcg@10", ["calm-lynx"]),
        ("ndcg", ["calm-lynx"]),
        ("ndcg@100", []),
        ("learning_rate", ["calm-lynx"]),
        ("LearningRate", ["calm-lynx"]),
        ("information retrieval", ["calm-lynx"]),
        # what is commented out, and numbers alone
        ("bias", []),
        ("0.5", []),
        # across the borders of texts there is no phrase
        ('"otter legal"', []),
        ('"reranker sentence"', []),
    ],
)
def test_words_are_found(cards: Registry, text: str, expected: list[str]) -> None:
    """Every word must be there; scripts, accents and parts of names make no difference."""
    assert names(cards, text) == expected


@pytest.mark.parametrize(
    ("text", "name", "field", "spans"),
    [
        ("legal reranker", "amber-otter", "title", ["Legal", "reranker"]),
        ('"legal reranker"', "amber-otter", "title", ["Legal reranker"]),
        ("arabic", "amber-otter", "language", ["Arabic"]),
        ("all-minilm", "amber-otter", "base model", ["all-MiniLM"]),
        ("mini lm", "amber-otter", "base model", ["MiniLM"]),
        ("negatives", "amber-otter", "loss", ["MultipleNegativesRankingLoss"]),
        ("قانون مدني", "amber-otter", "samples", ["القَانُونُ", "المدنيّ"]),
        ("首都", "brisk-heron", "samples", ["首都"]),
        ("都", "brisk-heron", "tag", ["都"]),
        ("京", "brisk-heron", "tag", ["京"]),
        ("모", "", "", []),
        ("검색", "brisk-heron", "samples", ["검색"]),
        ("向量", "brisk-heron", "usage", ["向量"]),
        ("strasse", "brisk-heron", "widget", ["Straße"]),
        ("cafe texts", "calm-lynx", "card", ["café", "texts"]),
        ("retriev*", "calm-lynx", "evaluator", ["InformationRetrievalEvaluator"]),
    ],
)
def test_the_place_is_marked(cards: Registry, text: str, name: str, field: str, spans: list[str]) -> None:
    """A hit has the text that it was found in, as it is written, and where the words stand in it."""
    found = cards.search(text)
    assert [(hit.name, hit.field, marked(hit)) for hit in found] == ([(name, field, spans)] if name else [])


def test_a_place_in_a_long_text_is_cut_out_around_most_words(registry: Registry, make_run: MakeRun) -> None:
    """One line, at most so wide, from the part that has most of what was asked for."""
    run = registry.save(make_run())
    text = "alpha " + "filler " * 100 + "then\n\n  alpha and\tbeta " + "more " * 100 + "gamma"
    registry.save_card_text(run.id, "run", base="", text=text)
    [hit] = registry.search("beta alpha gamma")
    assert hit.text.startswith("…filler")
    assert "filler then alpha and beta more" in hit.text
    assert hit.text.endswith("more…")
    assert marked(hit) == ["alpha", "beta"]
    assert len(hit.text) <= 162
    assert "\n" not in hit.text


def test_the_weightier_place_comes_first(registry: Registry, make_run: MakeRun) -> None:
    """A word in a title counts more than in a data set, that more than in a card, that more than in a sample."""
    for number in range(6):  # a word that most runs have would count nothing
        registry.save(make_run(name=f"other-{number}"))
    sample = Dataset(role="train", samples=(("needle",),))
    card = registry.save(make_run(name="card"))
    registry.save(make_run(name="sample", datasets=(sample,)))
    registry.save(make_run(name="data", datasets=(Dataset(role="train", name="needle"),)))
    registry.save(make_run(name="title", model=Model(type="CrossEncoder", title="needle")))
    registry.save_card_text(card.id, "run", base="", text="needle")
    found = registry.search("needle")
    assert [hit.name for hit in found] == ["title", "data", "card", "sample"]
    assert [hit.rank for hit in found] == sorted((hit.rank for hit in found), reverse=True)
    assert [hit.name for hit in registry.search("needle", limit=2)] == ["title", "data"]
    assert registry.search("needle", limit=0) == []


def test_equals_are_newest_first(registry: Registry, make_run: MakeRun) -> None:
    """Runs that fit alike come in the order of their time, and those without one last."""
    for name, days in (("a", 1), ("b", 3), ("c", None), ("d", 2), ("e", 2)):
        created = None if days is None else DAY + dt.timedelta(days=days)
        registry.save(make_run(name=name, project="same", created=created))
    assert [hit.name for hit in registry.search("same")] == ["b", "e", "d", "a", "c"]


def test_of_very_many_the_last_saved_are_ranked(
    registry: Registry, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What all runs have in common does not make a search slow: both engines take the same ones."""
    monkeypatch.setattr(find, "RANKED", 3)
    for number in range(6):
        title = "needle needle" if number == 0 else "needle"
        registry.save(make_run(name=f"run-{number}", model=Model(type="CrossEncoder", title=title)))
    assert names(registry, "needle", limit=10) == ["run-3", "run-4", "run-5"]
    registry.delete("run-4")
    assert names(registry, "needle", limit=10) == ["run-2", "run-3", "run-5"]


def test_filters_narrow_a_search(cards: Registry) -> None:
    """The filters of a listing hold here, too, and what they find wrong is the same error."""
    assert names(cards, "legal", project="law") == ["amber-otter"]
    assert names(cards, "legal", since=DAY + dt.timedelta(days=1)) == ["calm-lynx"]
    assert names(cards, "legal", status="running") == ["amber-otter", "calm-lynx"]
    assert names(cards, "legal", status="finished") == []
    with pytest.raises(QueryError, match="no status"):
        cards.search("legal", status="done")
    with pytest.raises(QueryError, match="limit"):
        cards.search("legal", limit=-1)


# The index follows what is written


def test_what_people_say_is_found_and_what_they_replaced_is_not(cards: Registry) -> None:
    """A fact set by hand and a text that was edited are in the index at once."""
    cards.set_facts("amber-otter", {"title": "Judicial ranker", "license": "apache-2.0"})
    assert names(cards, "judicial") == ["amber-otter"]
    assert names(cards, "apache") == ["amber-otter"]
    assert names(cards, '"legal reranker"') == []
    cards.set_facts("amber-otter", {"title": None})
    assert names(cards, '"legal reranker"') == ["amber-otter"]
    run_id = cards.run("calm-lynx").id
    cards.save_card_text(run_id, "run", base="", text="Meant for courts.")
    cards.save_card_text(run_id, "/model/README.md", base="", text="Meant for courts.\nAlso for schools.")
    assert names(cards, "courts") == ["calm-lynx"]
    assert [(hit.field, marked(hit)) for hit in cards.search("schools")] == [("card /model/README.md", ["schools"])]
    assert names(cards, "cafe") == []


def test_a_run_that_is_saved_again_is_found_by_what_it_is_now(cards: Registry) -> None:
    """New texts take the place of old ones, the texts of its cards stay, and a new name is found."""
    run = cards.run("calm-lynx")
    cards.save(dataclasses.replace(run, name="dusky-eel", evaluations=()))
    assert names(cards, "eel") == names(cards, "cafe") == ["dusky-eel"]
    assert names(cards, "ndcg") == names(cards, "lynx") == []


def test_texts_that_stay_are_not_cut_again(cards: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """A recorder saves its run many times: only other texts are segmented."""
    run = cards.run("amber-otter")
    monkeypatch.setattr(index, "columns", lambda texts: pytest.fail("texts were cut"))
    cards.save(dataclasses.replace(run, status="finished", best_step=3))
    cards.set_facts("amber-otter", {"base_model_revision": "0" * 40})


def test_a_hidden_run_is_not_found_until_it_is_back(cards: Registry) -> None:
    """Neither a hidden nor a purged run is found; a run that takes the place of a purged one is."""
    run = cards.run("amber-otter")
    cards.delete("amber-otter")
    assert names(cards, "reranker") == []
    cards.save(run)
    assert names(cards, "reranker") == ["amber-otter"]
    cards.delete("amber-otter", purge=True)
    assert names(cards, "reranker") == []
    assert indexed(cards) == 2
    cards.save(dataclasses.replace(run, model=Model(type="CrossEncoder", title="Other")))
    assert names(cards, "reranker") == []
    assert names(cards, "other") == ["amber-otter"]


def indexed(registry: Registry) -> int:
    """How many runs the index has."""
    with registry._database.read() as connection:
        return int(connection.exec_driver_sql("SELECT count(*) FROM search").scalar_one())


def test_what_a_spool_brings_is_found(cards: Registry, make_run: MakeRun, tmp_path: Path) -> None:
    """A run that is folded is indexed as one that is saved."""
    run = make_run(name="from-a-spool", tags=("spooled",))
    writer = SpoolWriter(tmp_path / "elsewhere", run.id)
    writer.snapshot(run)
    writer.close()
    cards.fold(writer.path)
    assert names(cards, "spooled") == ["from-a-spool"]


def test_what_a_merge_and_a_copy_bring_is_found(registry: Registry, make_run: MakeRun, tmp_path: Path) -> None:
    """Runs and cards of another registry are found here, in a copy, too; what they replace is not."""
    run = registry.save(make_run(name="shared", project="first"))
    with Registry(tmp_path / "other.db") as other:
        other.save(make_run(name="foreign", tags=("brought",)))
        other.save(run)
        other.save_card_text(run.id, "run", base="", text="Words of somebody else.")
        other.set_facts(run.id, {"project": "second"})
    registry.merge(tmp_path / "other.db")
    copy_registry(registry._database.location.connect_url or registry.url, tmp_path / "copy.db")
    with Registry(tmp_path / "copy.db", mode="read") as copy:
        for place in (registry, copy):
            assert names(place, "brought") == ["foreign"]
            assert names(place, "somebody") == names(place, "second") == ["shared"]
            assert names(place, "first") == []
            assert place.verify().whole


def test_rows_that_are_not_stored_are_not_found(registry: Registry, make_run: MakeRun) -> None:
    """Without samples (`CARDGEN_SAMPLES=off`) there is nothing to find, and all else is."""
    registry.save(make_run(datasets=(Dataset(role="train", name="secret-set", samples=None),)))
    assert names(registry, "secret") == ["test"]
    assert registry.search("secret")[0].field == "data set"


def test_a_failed_save_leaves_the_index_as_it_was(cards: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """The index is written in the transaction of the run: both are there, or neither is."""
    run = cards.run("amber-otter")
    with monkeypatch.context() as patch:
        patch.setattr(index, "columns", broken)
        with pytest.raises(RuntimeError):
            cards.save(dataclasses.replace(run, project="elsewhere"))
    assert cards.run("amber-otter") == run
    assert names(cards, "elsewhere") == []


def broken(texts: Any) -> Any:
    """Fails."""
    raise RuntimeError("planned")


def test_a_damaged_document_is_still_found_by_its_index(cards: Registry) -> None:
    """A run whose record cannot be read is shown by its name, and keeps no other from being found."""
    number = "(SELECT number FROM run WHERE name = 'amber-otter')"
    with cards._database.write() as connection:
        connection.exec_driver_sql(f"UPDATE document SET text = 'broken' WHERE run = {number}")
    found = {hit.name: hit for hit in cards.search("legal")}
    assert (found["amber-otter"].field, found["amber-otter"].spans) == ("name", ())
    assert marked(found["calm-lynx"]) == ["legal"]


def test_very_long_texts_are_cut_and_stored(registry: Registry, make_run: MakeRun) -> None:
    """A card of a megabyte, a word without end and a word a million times: all is saved, the start is found."""
    run = registry.save(make_run(tags=("x" * 100_000,)))
    words = " ".join(f"w{number}é{'z' * 50}" for number in range(20_000))
    registry.save_card_text(run.id, "run", base="", text=f"first {words}\n{'漢字' * 20_000}")
    registry.save_card_text(run.id, "/other", base="", text="same " * 200_000)
    assert names(registry, "first") == names(registry, "x" * 64) == ["test"]
    assert names(registry, "x" * 9_000) == ["test"]
    with registry._database.read() as connection:
        assert index.is_right(connection, 1, registry.run("test"))


# Any text, any question


HOSTILE = [
    "'; DROP TABLE run; --", '" OR 1=1', "a' | 'b", "a & b | !c", "a:*", "a <-> b", "NEAR(a b, 2)",
    "names:legal", "^legal",
    "{names about}: x", "legal + x", "\\", "\\'", "%", "%s %(x)s", ":question", "?", "x\0y", "\ud800 legal", "🚀 legal",
    "-", "--", "*", "a*b*c", "((((", "AND OR NOT", "search", "rowid", "漢" * 50,
    "\u202elegal", "legal\n\r\u2028legal",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_questions_are_data(cards: Registry, text: str) -> None:
    """Nothing that is asked is syntax of a database: it finds what has its words, or says that there are none."""
    with contextlib.suppress(QueryError):
        assert all(isinstance(hit, Hit) for hit in cards.search(text))
    assert len(cards.listing()) == 3
    assert names(cards, "legal") == ["amber-otter", "calm-lynx"]


def test_a_question_of_a_hundred_kilobytes_is_refused(cards: Registry) -> None:
    """It is an error that says how long one may be; the longest that is allowed is answered."""
    with pytest.raises(QueryError, match="10,000"):
        cards.search("legal " * 17_000)
    assert names(cards, " ".join(f"w{number}" for number in range(100))) == []
    assert names(cards, " ".join(["legal", *(f"-w{number}" for number in range(99))])) == ["amber-otter", "calm-lynx"]


def test_any_run_can_be_searched(registry: Registry, strategies: Any) -> None:
    """Whatever a record holds, it is stored, indexed as it should be, and asked for by its own words."""

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(strategies.runs)
    def check(run: Run) -> None:
        stored = registry.save(run)
        with registry._database.read() as connection:
            number = connection.execute(
                sa.text("SELECT number FROM run WHERE id = :id"), {"id": stored.id}
            ).scalar_one()
            assert index.is_right(connection, number, stored)
        for text in (stored.name, *stored.tags):
            try:
                found = registry.search(text.replace("-", " ").replace('"', " ").replace("*", " "), limit=1000)
            except QueryError:
                continue
            assert stored.id in {hit.id for hit in found}
            for hit in found:
                assert all(0 <= start < end <= len(hit.text) for start, end in hit.spans)

    check()


WORDS = [
    "red", "green", "blue", "Red", "réd", "redder", "RedGreen", "red-green", "ndcg@10", "首都", "首", "東京都", "都",
    "القانون", "قانون", "법률", "1", "10", "1.0",
]  # fmt: skip


class TestSameHits:
    """Both engines find what the tokens say."""

    @pytest.fixture
    def random_texts(self) -> dict[str, list[Text]]:
        """Texts of random words in every part, by the name of a run."""
        chance = random.Random(7)

        def text(most: int) -> str:
            return " ".join(chance.choices(WORDS, k=chance.randint(0, most)))

        return {f"run{number}": [Text(part, part, text(4)) for part in PARTS for _ in range(2)] for number in range(60)}

    def test_random_questions(
        self,
        registry: Registry,
        make_run: MakeRun,
        random_texts: dict[str, list[Text]],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Words, phrases, beginnings and exclusions, each against the tokens themselves in plain Python."""
        layout = {name: columns(texts) for name, texts in random_texts.items()}
        monkeypatch.setattr("cardgen.registry.search.texts.of_run", lambda run: random_texts[run.name])
        for name in random_texts:
            registry.save(make_run(name=name))
        chance = random.Random(3)
        found_some = 0
        for _ in range(300):
            text = " ".join(self.term(chance) for _ in range(chance.randint(1, 3)))
            try:
                question = asking.read(text)
            except QueryError:
                continue
            expected = sorted(name for name in layout if fits(layout[name], question))
            with registry._database.read() as connection:
                found = find._ranks(registry._database, connection, question, 1000, {})
                stored = sa.select(run_table.c.name).where(run_table.c.number.in_(found))
                assert sorted(connection.execute(stored).scalars()) == expected, text
            found_some += bool(expected)
        assert found_some > 100

    def term(self, chance: random.Random) -> str:
        """A word, a phrase, a beginning, or one of them excluded."""
        word = chance.choice(WORDS)
        kind = chance.randrange(6)
        if kind == 0:
            word = f'"{" ".join(chance.choices(WORDS, k=2))}"'
        elif kind == 1:
            word = f"{word[: chance.randint(1, 3)]}*"
        return f"-{word}" if chance.randrange(5) == 0 else word


def fits(found: tuple[list[str], ...], question: Question) -> bool:
    """What a question means, said of the tokens of one run."""

    def has(phrase: Phrase) -> bool:
        size = len(phrase.tokens)
        for column in found:
            for start in range(len(column) - size + 1):
                part = column[start : start + size]
                whole = part == list(phrase.tokens)
                begun = part[:-1] == list(phrase.tokens[:-1]) and part[-1].startswith(phrase.tokens[-1])
                if GAP not in part and (begun if phrase.is_prefix else whole):
                    return True
        return False

    return all(any(map(has, term.phrases)) for term in question.wanted) and not any(
        any(map(has, term.phrases)) for term in question.unwanted
    )


# Who may read


def test_a_reader_searches_without_writing(tmp_path: Path, make_run: MakeRun, ordinary_user: Any) -> None:
    """A registry that is open for reading, or lies where nothing may be written, is searched as it is."""
    path = tmp_path / "registry.db"
    with Registry(path) as registry:
        registry.save(make_run(name="needle"))
    before = path.read_bytes()
    with Registry(path, mode="read") as registry:
        assert names(registry, "needle") == ["needle"]
    os.chmod(tmp_path, 0o500)
    try:
        with Registry(path, mode="read") as registry:
            assert names(registry, "needle") == ["needle"]
    finally:
        os.chmod(tmp_path, 0o700)
    assert path.read_bytes() == before
    with pytest.raises(RegistryNotFound):
        Registry(tmp_path / "none.db", mode="read").search("needle")


def test_a_python_without_full_text_search_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where SQLite lacks FTS5 no registry is half made, and the error says what to do."""
    monkeypatch.setattr("cardgen.registry.tables.SEARCH_SQLITE", "CREATE VIRTUAL TABLE search USING fts_of_none(names)")
    with pytest.raises(RegistryError, match="without full text search") as caught:
        Registry(tmp_path / "registry.db")
    assert "FTS5" in (caught.value.hint or "")
    monkeypatch.undo()
    Registry(tmp_path / "registry.db").close()


# How it is answered


@contextmanager
def statements(registry: Registry) -> Iterator[list[tuple[str, Any]]]:
    """The statements inside the block."""
    found: list[tuple[str, Any]] = []

    def note(connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        found.append((statement, parameters))

    engine = registry._database._engine
    sa.event.listen(engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        sa.event.remove(engine, "before_cursor_execute", note)


def test_the_index_is_asked_newest_first(cards: Registry) -> None:
    """No plan goes through the runs, and SQLite ranks only what it takes: nothing is sorted before."""
    with statements(cards) as found:
        cards.search("legal")
    statement, parameters = next((text, given) for text, given in found if "rank" in text)
    with cards._database.write() as connection:
        if cards._database.is_sqlite:
            plan = [row[-1] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
            inner = plan[1 : next(at for at, line in enumerate(plan) if at and line.startswith("SCAN anon"))]
            assert [line for line in inner if "VIRTUAL TABLE INDEX" in line]
            assert [line for line in inner if line.startswith("SEARCH run USING INTEGER PRIMARY KEY")]
            assert not [line for line in inner if "TEMP B-TREE" in line]
        else:
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off; SET LOCAL enable_indexscan = off")
            plan = [row[0] for row in connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)]
            assert [line for line in plan if "ix_search_vector" in line], "\n".join(plan)


def test_places_are_read_for_what_is_shown_alone(registry: Registry, make_run: MakeRun) -> None:
    """Of many hits only the documents of those that are returned are read, in one statement."""
    for number in range(30):
        registry.save(make_run(name=f"needle-{number}"))
    with statements(registry) as found:
        assert len(registry.search("needle", limit=4)) == 4
    documents = [parameters for text, parameters in found if "document" in text]
    assert [len(given) for given in documents] == [4]
