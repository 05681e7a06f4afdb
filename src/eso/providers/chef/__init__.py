"""Chef Infra Server: items of data bags, by requests that are signed as its protocol 1.0 says."""
