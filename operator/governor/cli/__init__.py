"""The command line: what people and pipelines call."""
