"""OVHcloud Key Management Service: its secret store."""
