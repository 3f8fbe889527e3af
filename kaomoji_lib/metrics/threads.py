"""Thousands of small matrix products run fastest on one thread, above all on a busy machine."""

from functools import wraps


def one_thread(function):
    """Run ``function`` with the linear-algebra libraries held to one thread each."""

    @wraps(function)
    def limited(*args, **kwargs):
        from threadpoolctl import threadpool_limits

        with threadpool_limits(limits=1):
            return function(*args, **kwargs)

    return limited
