"""Oracle Cloud Infrastructure Vault: the APIs of secrets, vaults and key management, with signed requests."""
