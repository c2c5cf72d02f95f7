"""kopf's side: it watches and ticks, and tells the application. It writes nothing.

kopf lives in a thread and an event loop of its own. On exit it cancels every task of
its loop that is younger than itself, and it must be restarted when a CRD is removed;
in a loop of its own it finds no task but its own.
"""
