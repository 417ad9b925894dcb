"""Completion as each shell needs it.

bash ends a word at `@`, `=`, `:` and the like, and puts what it is offered in the place of what it holds for the word.
So its script hands over the line as it was typed and that part, and gets what belongs there.
"""

from __future__ import annotations

import os
from typing import Any

from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    add_completion_class,
    split_arg_string,
)

_BASH = """\
%(complete_func)s() {
    local line
    COMPREPLY=()
    while IFS= read -r line; do
        case $line in
            dir,*) compopt -o dirnames ;;
            file,*) compopt -o default ;;
            plain,*) COMPREPLY+=("${line#plain,}") ;;
        esac
    done < <(COMP_LINE="${COMP_LINE:0:COMP_POINT}" COMP_WORD="$2" %(complete_var)s=bash_complete "$1")
}
complete -o nosort -F %(complete_func)s %(prog_name)s
"""
_FISH = """\
function %(complete_func)s
    for line in (env COMP_WORDS=(commandline -cp | string collect) COMP_CWORD=(commandline -t | string collect) \\
            %(complete_var)s=fish_complete %(prog_name)s)
        set -l parts (string split -m 1 , -- $line)
        switch $parts[1]
            case dir
                __fish_complete_directories $parts[2]
            case file
                __fish_complete_path $parts[2]
            case plain
                echo $parts[2]
        end
    end
end
complete --no-files --command %(prog_name)s --arguments "(%(complete_func)s)"
"""
_END = "\x01"  # no character of a line; what is typed last is completed, even if nothing is


class _Signed(ShellComplete):
    """`--sort -KEY`: what begins like an option is a key there."""

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[str]]:
        """What can stand in the place of the word that is written."""
        if args[-1:] == ["--sort"] and incomplete.startswith("-"):
            incomplete = f" {incomplete}"
        return super().get_completions(args, incomplete)


class Bash(_Signed, BashComplete):
    """The words of bash as a person wrote them."""

    source_template = _BASH
    _before = ""

    def get_completion_args(self) -> tuple[list[str], str]:
        """The words before the one that is written, and this one."""
        *args, last = split_arg_string(os.environ["COMP_LINE"] + _END)
        incomplete, word = last.removesuffix(_END), os.environ["COMP_WORD"]
        self._before = incomplete.removesuffix(word) if incomplete.endswith(word) else ""
        return args[1:], incomplete

    def format_completion(self, item: CompletionItem[Any]) -> str:
        """What bash puts in the place of the part that it holds for the word."""
        return f"{item.type},{str(item.value).removeprefix(self._before)}"


class Zsh(_Signed, ZshComplete):
    """zsh."""


class Fish(_Signed, FishComplete):
    """fish, whose values may have commas."""

    source_template = _FISH


def install() -> None:
    """Have click ask these classes."""
    for kind in (Bash, Zsh, Fish):
        add_completion_class(kind)
