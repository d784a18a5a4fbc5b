"""System calls, and no policy: what is done when is decided in core/ and runtime/."""
