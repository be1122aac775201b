"""The process that kernels are forked from: see `fork_server`, which starts it."""

import socket
import sys

from iamkit.report.kernels.fork_server import serve

if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
