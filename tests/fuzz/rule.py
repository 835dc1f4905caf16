"""What is said of whatever breaks the rule."""


class BrokenRuleError(AssertionError):
    """A file was neither read nor refused as it should be."""
