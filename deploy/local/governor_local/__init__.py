"""The embedded stack: what a cluster gives the operator, as plain processes.

A real kube-apiserver with etcd, two PostgreSQL servers, a Prometheus and an
Alertmanager, on free ports of 127.0.0.1, started by one command or one fixture
and gone without a trace afterwards. Nothing is mocked, no container engine and
no root needed.

Start with :class:`governor_local.stack.Stack`.
"""

from governor_local.errors import StackError
from governor_local.stack import Stack

__all__ = ["Stack", "StackError"]
