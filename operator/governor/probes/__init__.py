"""The kinds of checks. A kind is one file here plus one line in `api.policy.CheckSpec`.

A kind is pure: it says what to ask, and turns the answer into an outcome. Who
asks (a pool, an HTTP client) is an adapter's business.
"""
