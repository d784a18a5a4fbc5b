"""The parts of the benchmark: what is run, how it is watched, what is printed."""
