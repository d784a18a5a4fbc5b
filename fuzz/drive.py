"""Finds targets and what is kept for them, and makes mutations of it, the same ones every time."""

import json
from importlib import import_module
from pathlib import Path
from random import Random

HERE = Path(__file__).parent
MAX_SIZE = 4096
TARGETS = tuple(sorted(path.stem for path in (HERE / "targets").glob("*.py")))


def target(name):
    """Return the module of a target: it has ``one_input`` and ``WORDS``."""
    return import_module(f"fuzz.targets.{name}")


def corpus(name):
    """Return the inputs that are kept for a target, by file name."""
    return {path.name: path.read_bytes() for path in sorted((HERE / "corpus" / name).iterdir())}


class Mutator:
    """Makes inputs of those that are kept for a target, as chance has it."""

    def __init__(self, name):
        self.random = Random(name)  # noqa: S311 - not for secrets
        self._words = target(name).WORDS
        self._seeds = list(corpus(name).values())
        self._grafts = [inside for seed in self._seeds for _, _, inside in _places(_value(seed))]
        self._grafts += [*ODD, *map(_value, self._words)]

    def inputs(self, count):
        """Return new inputs."""
        for _ in range(count):
            data = self.random.choice(self._seeds)
            for _ in range(self.random.randint(1, 4)):
                data = self.mutated(data)
            yield data[:MAX_SIZE]

    def mutated(self, data):
        """Return ``data`` with one mutation."""
        return self.random.choice(WAYS)(self, data)

    def _range(self, data):
        return sorted((self.random.randint(0, len(data)), self.random.randint(0, len(data))))

    def cut(self, data):
        """Leave something out."""
        start, end = self._range(data)
        return data[:start] + data[end:]

    def splice(self, data):
        """End as another input ends."""
        other = self.random.choice(self._seeds)
        return data[: self.random.randint(0, len(data))] + other[self.random.randint(0, len(other)) :]

    def flip(self, data):
        """Turn a bit."""
        if not data:
            return data
        at = self.random.randrange(len(data))
        return data[:at] + bytes([data[at] ^ 1 << self.random.randrange(8)]) + data[at + 1 :]

    def insert(self, data):
        """Put a word in."""
        at = self.random.randint(0, len(data))
        return data[:at] + self.random.choice(self._words) + data[at:]

    def graft(self, data):
        """Put something else in the place of a part of a JSON object."""
        whole = _value(data)
        places = list(_places(whole))
        if not places:
            return self.splice(data)
        container, key, _ = self.random.choice(places)
        if isinstance(container, dict) and not self.random.randrange(4):
            word = self.random.choice(self._words).decode("utf-8", "ignore")
            key = self.random.choice((word.strip('":'), *container))
        container[key] = self.random.choice(self._grafts)
        return json.dumps(whole).encode()


def _value(data):
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def _places(value):
    """Return containers, keys and values, of all that is in a value."""
    if isinstance(value, dict | list):
        for key, inside in list(value.items() if isinstance(value, dict) else enumerate(value)):
            yield value, key, inside
            yield from _places(inside)


ODD = (
    None,
    True,
    0,
    1,
    -1,
    1.5,
    2**31,
    2**64,
    10**400,
    1e308,
    "",
    "\0",
    "\n",
    "\ud800",
    "x" * 300,
    [],
    {},
    [[]],
    {"": {}},
)
WAYS = (Mutator.cut, Mutator.splice, Mutator.flip, Mutator.insert, Mutator.graft, Mutator.graft, Mutator.graft)
