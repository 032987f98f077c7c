"""What may still be spent. `core/budget.py` says how limits are written down."""
