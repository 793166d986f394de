"""The lab's own hosts: podman containers with systemd."""
