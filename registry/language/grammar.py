"""Text to a syntax tree, by lark; what cannot be read is an error that points at the character.

lark is loaded by the first query that is more than a name: most listings have none.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any, cast

from cardgen.errors import QueryError
from cardgen.registry.language.problems import problem
from cardgen.registry.language.tree import And, Comparison, Direction, Function, Key, Node, Not, Operator, Or, Text
from cardgen.registry.rows import TEXT_LIMIT

if TYPE_CHECKING:
    from lark import Lark, Token
    from lark.exceptions import UnexpectedInput

LONGEST = 10_000
"""Characters of a query."""

MOST = 100
"""Words and comparisons of a query."""

DEEPEST = 20
"""How deep it may be nested: databases limit how deep their expressions are."""

GRAMMAR = r"""
    query: _either?
    sort: key

    _either: either
    either: both (_OR both)*
    both: _item (_AND? _item)*
    _item: negation | "(" either ")" | comparison | membership | word
    negation: _NOT _item
    comparison: key OPERATOR value
    membership: key _IN (value ("," value)* | "(" value ("," value)* ")")
    word: WORD | STRING
    value: VALUE | STRING
    key: WORD | QUOTED_KEY
       | FUNCTION (VALUE | QUOTED_KEY) ("," DIRECTION)? ")" -> function

    _OR.2: /or(?=[\s()]|$)/i
    _AND.2: /and(?=[\s()]|$)/i
    _NOT.2: /not(?=[\s()]|$)/i
    _IN.2: /in(?=[\s(]|$)/i
    OPERATOR: /[<>]=?|!=|=|~/
    DIRECTION: /(?:min|max)\b/i
    FUNCTION.3: /(?:best|last|min|max)\s*\(/i
    QUOTED_KEY.3: /[a-z_]+\.(?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')/is
    STRING.2: /"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'/s
    WORD: /(?!(?:and|or|not|in)(?=[\s()]|$))(?!!=)[^\s"'(),=<>~](?:(?!!=)[^\s"'()=<>~]|(?<=\w)')*/i
    VALUE: /(?:(?!!=)[^\s"'()\[\],=<>~]|(?<=\w)')+/
    %ignore /\s+/
"""

_ESCAPED = re.compile(r"""\\(["'\\])""")
_BARE = re.compile(r"""[^\s"'(),\[\]=<>~!\\]+""")


def parse(query: str) -> Node:
    """The tree of a query; a query of blanks is all runs.

    Raises:
        QueryError: it is no query; `position` says where.
    """
    if not query.strip():
        return And(())
    tree = cast(Node, _read(query, "query"))
    leaves, height = _size(tree)
    if leaves > MOST or height > DEEPEST:
        raise QueryError(
            f"the query has {leaves} words and comparisons, nested {height} deep",
            hint=f"a query has at most {MOST}, nested at most {DEEPEST} deep; `in` takes a list of any length",
        )
    return tree


def parse_key(text: str) -> Key:
    """The key that sorts or shows runs, such as `params.seed` or `best(metrics.ndcg@10)`.

    Raises:
        QueryError: it is no key.
    """
    return Key(text, 0) if _BARE.fullmatch(text) else cast(Key, _read(text, "sort"))


def quote(text: str) -> str:
    """The text as a query takes it: as itself, whatever is in it, and as much of it as a registry compares."""
    escaped = text[:TEXT_LIMIT].replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def written_key(name: str) -> str:
    """The name of a key as a query takes it, quoted behind its first dot where that is needed."""
    start, dot, rest = name.partition(".")
    return name if not dot or _BARE.fullmatch(rest) else f"{start}.{quote(rest)}"


def _read(text: str, start: str) -> Any:
    if len(text) > LONGEST:
        raise QueryError(f"the query has {len(text)} characters", hint=f"a query has at most {LONGEST}")
    from lark.exceptions import UnexpectedInput

    try:
        return _parser().parse(text, start=start)
    except UnexpectedInput as error:
        raise _explained(error, text, start) from None


@functools.cache
def _parser() -> Lark:
    from lark import Lark

    return Lark(GRAMMAR, parser="lalr", lexer="contextual", start=["query", "sort"], transformer=_Builder())


class _Builder:
    """What each rule of the grammar makes."""

    def query(self, items: list[Any]) -> Node:
        return cast(Node, items[0])

    def sort(self, items: list[Any]) -> Key:
        return cast(Key, items[0])

    def either(self, items: list[Any]) -> Node:
        return items[0] if len(items) == 1 else Or(tuple(items))

    def both(self, items: list[Any]) -> Node:
        return items[0] if len(items) == 1 else And(tuple(items))

    def negation(self, items: list[Any]) -> Node:
        return items[0].item if isinstance(items[0], Not) else Not(items[0])

    def comparison(self, items: list[Any]) -> Node:
        key, operator, value = items
        return Comparison(key, cast(Operator, str(operator)), (value,))

    def membership(self, items: list[Any]) -> Node:
        return Comparison(items[0], "in", tuple(items[1:]))

    def word(self, items: list[Token]) -> Text:
        return self.value(items)

    def value(self, items: list[Token]) -> Text:
        [token] = items
        quoted = token.type == "STRING"
        return Text(_unquoted(token) if quoted else str(token), quoted, token.start_pos or 0)

    def key(self, items: list[Token]) -> Key:
        return Key(_name(items[0]), items[0].start_pos or 0)

    def function(self, items: list[Token]) -> Key:
        function = cast(Function, items[0].rstrip("( \t\r\n").rstrip().lower())
        direction = cast(Direction, items[2].lower()) if len(items) > 2 else None
        return Key(_name(items[1]), items[1].start_pos or 0, function, direction)


def _name(token: Token) -> str:
    if token.type != "QUOTED_KEY":
        return str(token)
    start, _, rest = token.partition(".")
    return f"{start}.{_unquoted(rest)}"


def _unquoted(text: str) -> str:
    return _ESCAPED.sub(r"\1", text[1:-1])


def _size(node: Node) -> tuple[int, int]:
    """How many leaves a tree has, and how deep it is."""
    inner: tuple[Node, ...] = ()
    if isinstance(node, Not):
        inner = (node.item,)
    elif isinstance(node, (And, Or)):
        inner = node.items
    if not inner:
        return 1, 1
    sizes = [_size(item) for item in inner]
    return sum(leaves for leaves, _ in sizes), 1 + max(height for _, height in sizes)


def _explained(error: UnexpectedInput, text: str, start: str) -> QueryError:
    token: Token | None = getattr(error, "token", None)
    ended = token is not None and token.type == "$END"
    at = len(text) if ended or error.pos_in_stream is None else error.pos_in_stream
    rest, before = text[at:], text[:at].rstrip()
    wanted = set(getattr(error, "allowed", None) or getattr(error, "expected", None) or ())
    if wanted and wanted <= {"RPAR", "COMMA"}:
        return problem("the bracket must be closed here", text, at, "write ) here; quote a text with brackets in it")
    if ended:
        return problem("the query ends too early", text, at, "something is missing here, see docs/queries.md")
    if start == "sort":
        return problem("this is no key", text, at, 'write one key, with its odd part in quotes: params."odd key"')
    if rest[:1] in "\"'":
        return problem("this quote is not closed", text, at, "close it, or put the whole text in the other quotes")
    if rest[:1] == "=" and before[-1:] == "=":
        return problem("this is no operator", text, at, "write = once")
    if rest[:2].lower() == "in" and before[-3:].lower() == "not":
        return problem("a key is missing here", text, at, "write: not KEY in (A, B)")
    if re.match(r"[<>=~]|!=", rest):
        quoted = before[-1:] in ("'", '"')
        hint = 'only the part behind the dot is quoted: params."odd key"' if quoted else "write: KEY OPERATOR VALUE"
        return problem("there is no key before this operator", text, at, hint)
    if rest[:1] == ",":
        return problem("a list stands only behind `in`", text, at, "write: KEY in (A, B); quote a text with a comma")
    if re.match(r"(?:and|or|not|in)(?=[\s()]|$)", rest, re.IGNORECASE):
        return problem("a word or comparison is missing before this", text, at, "quote it if it is a word to look for")
    if rest[:1] == ")":
        return problem("this bracket closes nothing, or too early", text, at, "quote a text with brackets in it")
    return problem("the query cannot be understood here", text, at, "see docs/queries.md; quote what is to be text")
