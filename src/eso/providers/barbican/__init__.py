"""OpenStack Barbican, signed in through Keystone."""
