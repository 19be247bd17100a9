"""What can be taken from the cloner."""

VARIANTS = {"full": {}, "short": {"chunk": "2"}}
