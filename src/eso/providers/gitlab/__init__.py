"""GitLab CI/CD variables of a project and its groups."""
