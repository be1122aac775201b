"""
Notebooks are run here, each in a kernel of its own: the only user of papermill and Jupyter.

`engine` runs a notebook; `fork_server` makes kernels fast. Both are imported where they are used,
because papermill takes half a second.
"""

__all__: list[str] = []
