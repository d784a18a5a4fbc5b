"""Tells whether this process runs in a container, where whoever stops it does not wait long."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

SIGNS = ("/.dockerenv", "/run/.containerenv")
VARIABLES = ("container", "KUBERNETES_SERVICE_HOST")


def is_container(environ: Mapping[str, str]) -> bool:
    """Tell whether this looks like a container: we are its first process, or its engine has left a sign."""
    return os.getpid() == 1 or any(map(os.path.exists, SIGNS)) or any(name in environ for name in VARIABLES)
