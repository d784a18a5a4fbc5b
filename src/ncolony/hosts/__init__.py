"""Where everything is put together: one supervisor on our own loop, or on Twisted's reactor."""
