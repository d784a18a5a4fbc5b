"""What docs/generate.py writes, one module a page."""
