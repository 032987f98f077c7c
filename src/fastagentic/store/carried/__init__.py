"""The store's rows as files that leave this machine, and back: one format a file, one loop for all of them."""
