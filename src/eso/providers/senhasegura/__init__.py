"""senhasegura DevOps Secret Management."""
