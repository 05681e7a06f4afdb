"""The benchmark's controller in `reconcile` and in its peers: each a program of its own, run by `benchmarks.controllers`."""
