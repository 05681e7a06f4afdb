"""The pushsecret controller: writes data of the cluster to secret providers and keeps it in step."""
