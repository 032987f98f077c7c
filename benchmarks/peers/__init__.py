"""What others say of the same calls, and what they cost: one environment each. `make peers` writes docs/compare.md."""
