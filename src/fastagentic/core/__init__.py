"""Data and constants that every room needs. Nothing here opens a file or a socket, or imports another room."""
