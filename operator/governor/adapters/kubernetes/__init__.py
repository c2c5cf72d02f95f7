"""The API server: status, Events, Secrets, and whether our CRDs are there.

The typed half of the `kubernetes` client is left alone on purpose: importing its models
takes 130 MB and two seconds, and the operator reads five kinds of JSON.
"""
