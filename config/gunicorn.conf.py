"""How gunicorn serves the portal. The address to listen on comes on the command line."""

wsgi_app = "wsgi:application"
worker_class = "gthread"
workers = 2
threads = 4
# CKAN opens its database pools while it starts: every worker has to start on its own.
preload_app = False
# Large tables are downloaded and catalogue pages are serialised within a request.
timeout = 120
graceful_timeout = 20
keepalive = 5
# Heartbeats on a disk that is busy with a harvest would make healthy workers look dead.
worker_tmp_dir = "/dev/shm"  # noqa: S108
# Memory that Python does not give back stays bounded; not all workers at the same moment.
max_requests = 5000
max_requests_jitter = 500
control_socket_disable = True
