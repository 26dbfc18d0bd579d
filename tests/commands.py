"""Commands, run within a test's own process."""

from click.testing import CliRunner, Result

from vlaecodec.cli.main import main


def run(*arguments: object, stdin: bytes | None = None) -> Result:
    """`vlaecodec ARGUMENTS`: its exit code and what it printed."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments], input=stdin)
