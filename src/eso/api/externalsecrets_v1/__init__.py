"""`external-secrets.io/v1`: ExternalSecret, ClusterExternalSecret, SecretStore, ClusterSecretStore."""
