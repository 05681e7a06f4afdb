"""CyberArk Conjur (Secrets Manager, Self-Hosted and SaaS)."""
