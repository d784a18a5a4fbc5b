"""The command line: one module a family of commands, imported when it is called."""
