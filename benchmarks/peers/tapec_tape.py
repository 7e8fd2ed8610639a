"""tapec's tape without a decorator, in the workloads that say how."""

NAME = "tapec tape"


def available():
    import tapec  # noqa: F401

    return True


def prepare(workload, args):
    return workload.own[NAME](*args) if NAME in workload.own else None
