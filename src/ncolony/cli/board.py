"""What ``ncolony top`` shows, as lines of text: no terminal, no connection, no clock in here.

A board holds the last status, which row is selected, and what is filtered by; it is told what came and which keys were
pressed, and drawn into so many columns and rows.
"""

from __future__ import annotations

from ncolony.cli.status import remark
from ncolony.cli.tables import BOLD, DIM, RED, STATES, paint, printable, width
from ncolony.core.spans import seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    Instance = dict[str, Any]
    Slot = tuple[str, int]

REVERSE = "7"
KEYS = "↑↓ select  s start  x stop  r restart  l logs  w why  / filter  q quit"
HEAD = ("NAME", "STATE", "UPTIME", "RESTARTS", "CPU", "MEMORY", "LAST LINE")
SIZES = (
    9,
    11,
    8,
    6,
    9,
)  # columns of all but the first, which is as wide as its names, and the last, which has the rest
NAMES = (8, 32)  # columns of the first, at least and at most
AROUND = 3  # lines that are not rows: the colony, the head, the keys


class Board:
    """The table of instances, as a person moves about in it."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.colony: Instance = {}
        self.filter = ""
        self.note = ""
        """What is said instead of the keys: what came of the last one, or what is asked."""
        self._all: list[Instance] = []
        self._selected: Slot | None = None
        self._place = 0
        self._first = 0

    def take(self, answer: Mapping[str, Any]) -> None:
        """Take a new status."""
        self._all, self.colony = answer["instances"], answer["colony"]

    @property
    def rows(self) -> list[Instance]:
        """Those that pass the filter: it is part of the name, of the state or of a label."""
        wanted = self.filter
        return [
            one for one in self._all
            if wanted in one["name"] or wanted in one["state"] or any(wanted in label for label in one["labels"])
        ]  # fmt: skip

    @property
    def selected(self) -> Instance | None:
        """The row that keys are about: the one that was chosen, or where that is gone, what stands in its place."""
        rows = self.rows
        for place, one in enumerate(rows):
            if slot(one) == self._selected:
                self._place = place
                return one
        self._place = max(0, min(self._place, len(rows) - 1))
        return rows[self._place] if rows else None

    def move(self, by: int) -> None:
        """Select another row."""
        if self.selected is None:
            return
        rows = self.rows
        self._place = max(0, min(self._place + by, len(rows) - 1))
        self._selected = slot(rows[self._place])

    def visible(self, height: int) -> list[Instance]:
        """Return the rows that a screen of so many lines shows; the selected one is among them."""
        room = max(1, height - AROUND)
        if self.selected is None:
            return []
        self._first = max(min(self._first, self._place), self._place - room + 1)
        self._first = max(0, min(self._first, len(self.rows) - room))
        return self.rows[self._first : self._first + room]

    def lines(
        self, columns: int, height: int, usage: Mapping[Slot, tuple[str, str]], said: Mapping[Slot, str], *, color: bool
    ) -> list[str]:
        """Return the screen. ``usage``: CPU and memory of instances; ``said``: their last lines."""
        shown, selected = self.visible(height), self.selected
        names = max([NAMES[0], *(width(printable(label(one))) for one in self.rows)])
        sizes = (min(names, NAMES[1]), *SIZES)
        lines = [
            paint(fitted(self._title(), columns), BOLD, on=color),
            paint(_row(HEAD, sizes, columns), BOLD, on=color),
        ]
        for one in shown:
            cells = _cells(one, usage.get(slot(one), ("", "")), said.get(slot(one), ""))
            text = _row(cells, sizes, columns)
            if selected is not None and slot(one) == slot(selected):
                lines.append(
                    paint(text + " " * (columns - width(text)), REVERSE, on=True)
                )  # with NO_COLOR too: it is no colour
            else:
                begin = sizes[0] + 2
                state = text[begin : begin + sizes[1]]
                painted = paint(state, STATES.get(one["state"], ""), on=color)
                lines.append(f"{text[:begin]}{painted}{text[begin + sizes[1] :]}" if text.isascii() else text)
        lines += [""] * (height - len(lines) - 1)
        return [*lines, self._foot(columns, color=color)]

    def _title(self) -> str:
        if not self.colony:
            return "no supervisor"
        states = "  ".join(f"{count} {state}" for state, count in self.colony["states"].items())
        up = seconds(round(self.colony["uptime"]))
        stopping = "  is being stopped" if self.colony["stopping"] else ""
        return f"NColony {self.colony['version']}  pid {self.colony['pid']}  up {up}  {states}{stopping}"

    def _foot(self, columns: int, *, color: bool) -> str:
        if self.note:
            return paint(fitted(printable(self.note), columns), RED, on=color)
        kept = f"  [only {printable(self.filter)}]" if self.filter else ""
        return paint(fitted(f"{KEYS}{kept}", columns), DIM, on=color)


def slot(one: Instance) -> Slot:
    """Return what tells an instance from all others."""
    return one["name"], one["number"]


def label(one: Instance) -> str:
    """Return what an instance is called."""
    return one["name"] if one["of"] == 1 else f"{one['name']}:{one['number']}"


def page(title: str, lines: list[str], columns: int, height: int, *, color: bool) -> list[str]:
    """Return a screen of text: the last lines that there is room for, under a title."""
    room = max(1, height - 2)
    shown = [fitted(printable(line), columns) for line in lines[-room:]]
    foot = paint(fitted("any key goes back", columns), DIM, on=color)
    return [paint(fitted(title, columns), BOLD, on=color), *shown, *[""] * (room - len(shown)), foot]


def fitted(text: str, columns: int) -> str:
    """Return as much of ``text`` as so many columns have room for."""
    if text.isascii():
        return text[:columns]
    while width(text) > columns:
        text = text[: -max(1, (width(text) - columns) // 2)]
    return text


def _cells(one: Instance, usage: tuple[str, str], said: str) -> tuple[str, ...]:
    uptime = one["uptime"]
    up = "" if uptime is None else seconds(round(uptime) if uptime >= 1 else uptime)
    return label(one), one["state"], up, str(one["restarts"]), *usage, remark(one) or said


def _row(cells: tuple[str, ...], sizes: tuple[int, ...], columns: int) -> str:
    *cells_before, last = map(printable, cells)
    text = "".join(
        fitted(cell, size) + " " * (size - width(fitted(cell, size)) + 2)
        for cell, size in zip(cells_before, sizes, strict=True)
    )
    return fitted(text + last, columns)
