"""The clusterexternalsecret controller: one ExternalSecret in every namespace that matches."""
