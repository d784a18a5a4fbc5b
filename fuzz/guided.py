"""Runs one target under atheris, which looks for inputs that reach more of the code.

Called by scripts/fuzz: ``python -m fuzz.guided TARGET FOLDER SECONDS``. New inputs come into FOLDER; one that makes the
target fail is written to ``fuzz/crashes/``, and the exit status says so.
"""

import sys
from pathlib import Path

import atheris

from fuzz import drive

with atheris.instrument_imports(include=["ncolony"]):
    NAME = sys.argv[1]
    TARGET = drive.target(NAME)


def _quoted(word):
    return '"' + "".join(f"\\x{byte:02x}" for byte in word) + '"\n'


def main():
    """Run."""
    folder, seconds = Path(sys.argv[2]), int(sys.argv[3])
    crashes = drive.HERE / "crashes"
    crashes.mkdir(exist_ok=True)
    words = folder.parent / f"{NAME}.dict"
    words.write_text("".join(_quoted(word) for word in TARGET.WORDS if len(word) <= 64))  # as libFuzzer wants them
    options = {
        "artifact_prefix": f"{crashes}/{NAME}-", "dict": words, "max_total_time": seconds, "max_len": drive.MAX_SIZE,
        "timeout": 10, "rss_limit_mb": 1024, "print_final_stats": 1,
    }  # fmt: skip
    ours = drive.Mutator(NAME)

    def mutate(data, size, seed):
        if seed % 4:
            return atheris.Mutate(data, size)
        ours.random.seed(seed)
        return ours.mutated(data)[:size]

    arguments = [f"-{name}={value}" for name, value in options.items()]
    atheris.Setup(
        [sys.argv[0], *arguments, str(folder), str(drive.HERE / "corpus" / NAME)],
        TARGET.one_input,
        custom_mutator=mutate,
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main()
