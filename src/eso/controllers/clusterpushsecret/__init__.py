"""The clusterpushsecret controller: one PushSecret in every namespace that matches."""
