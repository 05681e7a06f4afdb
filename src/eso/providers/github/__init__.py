"""GitHub Actions secrets of an organisation, repository or environment; write only."""
