"""``python -m ncolony``: the command line, wherever the package is."""

from ncolony.cli.main import run

if __name__ == "__main__":
    run()
