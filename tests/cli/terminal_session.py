"""Run in a process of its own by test_terminal: commands one after another, as at a prompt."""

import shlex
import sys

from vlaecodec.cli.main import main

for command in sys.argv[1:]:
    print(f"$ {command}", flush=True)
    try:
        main(shlex.split(command)[1:], prog_name="vlaecodec")
    except SystemExit:
        sys.stdout.flush()
        sys.stderr.flush()
