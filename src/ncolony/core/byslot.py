"""What there is of slots, by program and number, that tells the slots of one program without a look at all others."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeVar

    V = TypeVar("V")
else:
    V = object


class BySlot(dict[tuple[str, int], V]):
    """One thing a slot: a dict by program and number. Of its methods that change it, only item by item is meant."""

    def __init__(self) -> None:
        """Begin with none."""
        super().__init__()
        self._highest: dict[str, int] = {}  # number, of programs that have one above 1

    def __setitem__(self, slot: tuple[str, int], thing: V) -> None:
        """Have that of a slot."""
        super().__setitem__(slot, thing)
        program, number = slot
        if number > self._highest.get(program, 1):
            self._highest[program] = number

    def __delitem__(self, slot: tuple[str, int]) -> None:
        """Forget that of a slot. Raises KeyError where there is none."""
        super().__delitem__(slot)
        program, _ = slot
        highest = self._highest.pop(program, 1)
        while highest > 1 and (program, highest) not in self:
            highest -= 1
        if highest > 1:
            self._highest[program] = highest

    def of(self, program: str) -> dict[int, V]:
        """Return what there is of a program's slots, in the order of their numbers; some may be missing."""
        numbers = range(1, self._highest.get(program, 1) + 1)
        return {number: self[program, number] for number in numbers if (program, number) in self}
