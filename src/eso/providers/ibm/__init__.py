"""IBM Cloud Secrets Manager."""
