"""`generators.external-secrets.io/v1alpha1`: one module per generator kind, ClusterGenerator and GeneratorState."""
