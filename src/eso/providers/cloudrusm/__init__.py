"""Cloud.ru Secret Manager over gRPC."""
