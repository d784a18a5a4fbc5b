"""The control socket: what clients ask of a running colony, and how they are answered. See docs/control.md."""
