"""`vlaecodec completion`."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

SHELLS = ("bash", "zsh", "fish")
_VARIABLE = "_VLAECODEC_COMPLETE"


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print a script that completes commands, options and file names in SHELL.

    \b
    Examples:
      eval "$(vlaecodec completion bash)"         in ~/.bashrc
      eval "$(vlaecodec completion zsh)"          in ~/.zshrc
      vlaecodec completion fish > ~/.config/fish/completions/vlaecodec.fish
    """
    script = get_completion_class(shell)
    if script is None:
        raise click.UsageError(f"no completion for {shell}")
    click.echo(script(context.find_root().command, {}, "vlaecodec", _VARIABLE).source())
