"""Sign-in to AWS and its APIs, for the aws provider and the ECR and STS generators.

A program has one `AWS`; it connects as an identity (`SignIn`) and gives clients of services. Nothing is read from or written to
the process environment except what the SDK's default credential chain and the `AWS_*_ENDPOINT` overrides look at.
"""

from __future__ import annotations

from eso.identity.aws.client import AWSClient, RetryPolicy
from eso.identity.aws.connection import AWS, AWSConnection
from eso.identity.aws.signin import SignIn

__all__ = ["AWS", "AWSClient", "AWSConnection", "RetryPolicy", "SignIn"]
