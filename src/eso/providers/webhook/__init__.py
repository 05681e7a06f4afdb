"""Any HTTP API, by templates for the request and a JSONPath for the answer."""
