"""The modules that flows are made of."""
