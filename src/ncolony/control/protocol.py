"""What both ends of the control socket know: the protocol's number, where the socket is, the kinds of errors."""

from __future__ import annotations

PROTOCOL = 1
NAME = "control"
"""Of the socket, in the state directory."""
USAGE, NO_SUCH, REFUSED, FORBIDDEN = "usage", "no-such", "refused", "forbidden"
TIMEOUT, FAILED = "timeout", "failed"
