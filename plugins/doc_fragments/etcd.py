"""How the modules of etcd reach it: the options of `TLS_ARGUMENTS` in module_utils/etcd.py."""

from __future__ import annotations


class ModuleDocFragment:
    """Named by `extends_documentation_fragment`."""

    DOCUMENTATION = """
options:
  endpoints:
    description: URLs of members. The first that answers is asked.
    type: list
    elements: str
    required: true
  ca_path:
    description: Authority that its certificate is checked against.
    type: path
    required: true
  client_cert:
    description: Certificate to show.
    type: path
    required: true
  client_key:
    description: Its key.
    type: path
    required: true
"""
