"""The validating admission webhook: the rules of `eso.transform.validation`, and what providers say about their stores."""
