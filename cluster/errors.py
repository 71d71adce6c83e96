"""What can go wrong where work is stored and moved: messages give the value, what was expected and the next step."""


class ClusterError(RuntimeError):
    """Work could not be stored, read or moved; another try may succeed."""


class Refused(ClusterError):  # noqa: N818 (reads as what happened)
    """This work can never succeed as asked, so it is not tried again."""


class MissingRows(ClusterError):  # noqa: N818 (reads as what happened)
    """Rows or units were asked for that the ledger does not hold."""


class Damaged(ClusterError):  # noqa: N818 (reads as what happened)
    """Stored bytes are not those that were committed."""
