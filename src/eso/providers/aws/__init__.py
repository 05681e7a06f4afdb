"""AWS: Secrets Manager, Systems Manager Parameter Store and Certificate Manager."""
