"""pytest plugin of `reconcile.testing`."""
