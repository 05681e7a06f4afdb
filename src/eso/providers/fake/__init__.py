"""Fixed values, for tests and demonstrations."""
