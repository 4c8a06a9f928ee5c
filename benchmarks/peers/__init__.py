"""The same work in the library that a user would pick instead, timed in turn with ours: one module a topic."""
