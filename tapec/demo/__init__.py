"""The demo: a network that learns to read handwritten digits."""
