"""Chef Infra Server data bags, with signed requests."""
