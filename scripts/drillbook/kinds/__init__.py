"""What is asked of restored data, as pure functions of what was read."""
