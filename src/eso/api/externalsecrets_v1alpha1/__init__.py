"""`external-secrets.io/v1alpha1`: PushSecret and ClusterPushSecret."""
