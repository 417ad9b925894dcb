"""`cardgen completion`: what a shell needs to complete commands, options and run names."""

from __future__ import annotations

import click

from cardgen.cli.output import Output


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script of a shell.

    \b
    Examples:
      eval "$(cardgen completion bash)"      in ~/.bashrc
      eval "$(cardgen completion zsh)"       in ~/.zshrc
      cardgen completion fish > ~/.config/fish/completions/cardgen.fish
    """
    from click.shell_completion import get_completion_class

    from cardgen.cli import shells
    from cardgen.cli.app import cli

    shells.install()
    kind = get_completion_class(shell)
    assert kind is not None
    Output().text(kind(cli, {}, "cardgen", "_CARDGEN_COMPLETE").source())
