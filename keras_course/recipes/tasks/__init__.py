"""The kinds of tasks: `examples` and `text` serve several lectures; a task of one lecture has its own file."""
