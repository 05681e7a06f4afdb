"""Infisical: secrets of one environment and folder of a project, read and written by a machine identity over its REST API."""
