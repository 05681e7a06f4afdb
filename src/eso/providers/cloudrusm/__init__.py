"""Cloud.ru Secret Manager over gRPC: `cloud.csm.core.v2.SecretService`, the older `SecretManagerService`, and IAM."""
