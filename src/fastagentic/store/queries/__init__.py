"""Questions to the store, one file each: pure functions over a connection that return frozen dataclasses."""
