"""Delinea Secret Server and Delinea Platform."""
