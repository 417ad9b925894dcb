"""`cardgen demo`: train a tiny real model, offline, in well under a minute, and keep its record.

The model is a small BERT with random weights and a tokenizer made from the data. The data are Python's own: the name of
each public class and function of the standard library is a query, the first paragraph of its docstring the passage
to find. Nothing is downloaded and no module is imported to be read.
"""

from __future__ import annotations

import ast
import os
import random
import re
import shutil
import sysconfig
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from cardgen.actions.render import render_card
from cardgen.actions.write import write_card
from cardgen.errors import CardConflict, CardgenError, FileConflict, FileProblem, MissingExtra, SettingsError
from cardgen.record import LogEvent, Run
from cardgen.registry import Registry
from cardgen.settings import load_settings

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer

Report: TypeAlias = Callable[[str, int, int], None]
"""Called with a stage in words, how much of it is done, and of how much (0: unknown)."""

Pair: TypeAlias = tuple[str, str]

HELD_OUT = 400
"""Pairs that are kept for the evaluation."""

HIDDEN, LAYERS, VOCABULARY, MAX_TOKENS = 128, 2, 4000, 32
PRIMARY = "eval_stdlib_cosine_ndcg@10"


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """What a demo left behind. `before` and `after` are the nDCG@10 of the evaluator, None if unknown."""

    run: Run
    registry: Path
    model: Path
    card: Path
    text: str
    before: float | None
    after: float | None


def run_demo(folder: Path, report: Report) -> Demo:
    """Train, record and render in `folder`, which then has `registry.db`, `model/` and `README.md`.

    A folder that a demo made is used again: its registry gets one more run, model and card are the newest run's.

    Raises:
        MissingExtra: the training libraries are not installed.
        FileProblem: the folder has other things in it, or cannot be written.
        SettingsError: recording is switched off.
        RegistryError: `registry.db` is no registry.
    """
    for package in ("torch", "sentence_transformers", "datasets", "accelerate"):
        if find_spec(package) is None:
            raise MissingExtra(package.replace("_", "-"), "train")
    mode = load_settings().mode
    if mode != "normal":
        raise SettingsError(f"the demo records a run, and CARDGEN_MODE is {mode!r}", hint="unset CARDGEN_MODE")
    registry = _prepared(folder)
    report("Reading the docstrings of the standard library", 0, 0)
    pairs = read_pairs(Path(sysconfig.get_path("stdlib")))
    if len(pairs) < 2 * HELD_OUT:
        raise CardgenError("this Python has no sources of its standard library, which the demo learns from")
    report("Loading the training libraries", 0, 0)
    hush()
    with _replaced(folder / "model") as model_folder:
        run, log = _train(pairs, model_folder, registry, report)
    with Registry(registry) as opened:
        card = _written(run, folder, opened)
        text = render_card(run, registry=opened)
    scores = [event.values[PRIMARY] for event in log if PRIMARY in event.values]
    return Demo(
        run=run,
        registry=registry,
        model=folder / "model",
        card=card,
        text=text,
        before=scores[0] if len(scores) > 1 else None,
        after=scores[-1] if scores else None,
    )


def read_pairs(stdlib: Path) -> list[Pair]:
    """Name and first docstring paragraph of the public classes and functions, in an order that never changes."""
    found: dict[str, str] = {}
    for path in _sources(stdlib):
        module = ".".join(path.relative_to(stdlib).with_suffix("").parts).removesuffix(".__init__")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tree = ast.parse(path.read_bytes())
        except (OSError, SyntaxError, ValueError):
            continue
        for name, docstring in _documented(tree, module):
            passage = " ".join(docstring.split("\n\n")[0].split())
            if len(passage.split()) >= 4:
                found.setdefault(passage, name)
    pairs = sorted((_words(name), passage) for passage, name in found.items())
    random.Random(0).shuffle(pairs)
    return pairs


def _sources(stdlib: Path) -> Iterator[Path]:
    skipped = {"site-packages", "dist-packages", "test", "tests", "idlelib", "lib2to3", "ensurepip"}
    for folder, folders, files in os.walk(stdlib):
        folders[:] = sorted(name for name in folders if name not in skipped and name.isidentifier() and name[0] != "_")
        wanted = (name for name in sorted(files) if name.endswith(".py"))
        yield from (Path(folder, name) for name in wanted if name[0] != "_" or name == "__init__.py")


def _documented(tree: ast.AST, prefix: str) -> Iterator[Pair]:
    for node in getattr(tree, "body", ()):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            name = f"{prefix}.{node.name}"
            docstring = ast.get_docstring(node)
            if docstring:
                yield name, docstring
            if isinstance(node, ast.ClassDef):
                yield from _documented(node, name)


def _words(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])|[._]+", " ", name)


def _prepared(folder: Path) -> Path:
    registry = folder / "registry.db"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        others = [entry.name for entry in folder.iterdir()]
    except OSError as error:
        raise FileProblem(f"cannot use {folder}: {error.strerror or error}") from error
    if others and registry.name not in others:
        raise FileProblem(f"{folder} has other things in it", hint="give the demo a folder of its own")
    return registry


def _written(run: Run, folder: Path, registry: Registry) -> Path:
    """The card's file: README.md with what a person wrote there, or another one where that cannot be merged."""
    try:
        return write_card(run, folder / "README.md", registry=registry).path
    except (CardConflict, FileConflict):
        return write_card(run, folder / f"README-{run.name}.md", registry=registry).path


@contextmanager
def _replaced(folder: Path) -> Iterator[Path]:
    """An empty folder in the place of one that comes back if the work fails."""
    old = folder.with_name(f".{folder.name}-before")
    if folder.exists():
        shutil.rmtree(old, ignore_errors=True)
        folder.rename(old)
    try:
        yield folder
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        if old.exists():
            old.rename(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)


def hush() -> None:
    """Only the demo speaks: no progress bars, notes and warnings of the training libraries, no look-ups, one thread."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["TQDM_DISABLE"] = "1"
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    warnings.simplefilter("ignore")
    import datasets
    import torch
    import transformers

    torch.set_num_threads(1)  # steps are so short that threads would wait for each other, on a busy machine for minutes
    datasets.disable_progress_bars()
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()


def _train(pairs: list[Pair], folder: Path, registry: Path, report: Report) -> tuple[Run, list[LogEvent]]:
    import cardgen

    report("Making a tokenizer and random weights", 0, 0)
    model = tiny_model([text for pair in pairs for text in pair])
    trainer = make_trainer(model, pairs, folder, report)
    with cardgen.track(trainer, project="demo", tags=("demo",), registry=registry) as active:
        trainer.train()
        report("Saving the model", 0, 0)
        model.save_pretrained(str(folder))
    return active.run, list(active.log)


def tiny_model(texts: list[str]) -> SentenceTransformer:
    """A BERT with random weights, the same on every machine, and a tokenizer that knows the words of `texts`."""
    import transformers
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Pooling, Transformer
    from tokenizers import BertWordPieceTokenizer

    tokenizer = BertWordPieceTokenizer(lowercase=True)
    tokenizer.train_from_iterator(texts, vocab_size=VOCABULARY, show_progress=False)
    transformers.set_seed(0)
    weights = transformers.BertModel(
        transformers.BertConfig(
            vocab_size=tokenizer.get_vocab_size(),
            hidden_size=HIDDEN,
            num_hidden_layers=LAYERS,
            num_attention_heads=4,
            intermediate_size=2 * HIDDEN,
            max_position_embeddings=MAX_TOKENS,
        )
    )
    with tempfile.TemporaryDirectory(prefix="cardgen-demo-") as start:
        weights.save_pretrained(start)
        transformers.BertTokenizerFast(
            tokenizer_object=tokenizer._tokenizer, model_max_length=MAX_TOKENS
        ).save_pretrained(start)
        return SentenceTransformer(modules=[Transformer(start), Pooling(HIDDEN)], device="cpu")


def make_trainer(
    model: SentenceTransformer, pairs: list[Pair], folder: Path, report: Report
) -> SentenceTransformerTrainer:
    """A trainer of names and docstrings, with the first pairs held out for its evaluator."""
    from datasets import Dataset
    from sentence_transformers import SentenceTransformerTrainer, SentenceTransformerTrainingArguments
    from sentence_transformers.evaluation import InformationRetrievalEvaluator
    from sentence_transformers.losses import MultipleNegativesRankingLoss
    from transformers import PrinterCallback, TrainerCallback

    class Progress(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            report("Training", state.global_step, state.max_steps)

    held_out, train = pairs[:HELD_OUT], pairs[HELD_OUT:]
    evaluator = InformationRetrievalEvaluator(
        {f"q{number}": query for number, (query, _) in enumerate(held_out)},
        {f"p{number}": passage for number, (_, passage) in enumerate(held_out)},
        {f"q{number}": {f"p{number}"} for number in range(len(held_out))},
        name="stdlib",
    )
    arguments = SentenceTransformerTrainingArguments(
        output_dir=str(folder),
        num_train_epochs=1,
        per_device_train_batch_size=64,
        learning_rate=2e-3,
        warmup_steps=10,
        eval_strategy="steps",
        eval_steps=20,
        eval_on_start=True,
        logging_steps=5,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        use_cpu=True,
    )
    trainer = SentenceTransformerTrainer(
        model=model,
        args=arguments,
        train_dataset=Dataset.from_dict({"query": [q for q, _ in train], "passage": [p for _, p in train]}),
        loss=MultipleNegativesRankingLoss(model),
        evaluator=evaluator,
        callbacks=[Progress()],
    )
    trainer.remove_callback(PrinterCallback)
    return trainer
