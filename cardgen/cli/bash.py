"""Completion in bash, which ends a word at `@`: what it cut is joined again, and it gets what comes behind."""

from __future__ import annotations

from typing import Any

from click.shell_completion import BashComplete, CompletionItem, add_completion_class

CUT = "@"


class Bash(BashComplete):
    """The words of bash as a person wrote them."""

    _before = ""

    def get_completion_args(self) -> tuple[list[str], str]:
        """The words before the one that is written, and this one."""
        args, incomplete = super().get_completion_args()
        words: list[str] = []
        cut = False
        for word in (*args, incomplete):
            if words and (word == CUT or cut):
                words[-1] += word
            else:
                words.append(word)
            cut = word == CUT
        if len(words) < len(args) + 1 and (incomplete == CUT or args[-1:] == [CUT]):
            self._before = words[-1][: words[-1].rindex(CUT) + 1]
        return words[:-1], words[-1]

    def format_completion(self, item: CompletionItem[Any]) -> str:
        """What bash puts in the place of the part that it knows as the word."""
        item.value = str(item.value).removeprefix(self._before)
        return super().format_completion(item)


def install() -> None:
    """Have click ask this class."""
    add_completion_class(Bash)
