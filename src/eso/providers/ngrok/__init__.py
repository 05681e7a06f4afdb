"""ngrok vaults; write only."""
