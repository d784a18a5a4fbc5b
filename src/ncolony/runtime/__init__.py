"""Drives the core over the ports. No system calls here: what happens outside is asked of posix/."""
