"""`python -m vlaecodec`."""

from vlaecodec.cli.main import main

if __name__ == "__main__":
    main(prog_name="vlaecodec")
