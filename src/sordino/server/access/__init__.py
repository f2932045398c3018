"""Who asks: tokens of devices, accounts of people, scopes and rate limits."""
