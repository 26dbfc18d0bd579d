"""`python -m vlaecodec`."""

from vlaecodec.cli.process import run

if __name__ == "__main__":
    run()
