"""The NColony door: a directory of programs, a directory of messages."""
