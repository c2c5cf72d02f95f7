"""The custom resources: one definition for schema, validation and domain."""

GROUP = "governance.aiops.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
RUN_NOW = f"{GROUP}/run-now"
"""Annotation: a new value makes every check of the policy run at once."""
