"""What programs of a colony may import to work with it."""
