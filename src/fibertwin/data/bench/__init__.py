"""Measured curves of soft materials, to study laws with; each file says where it comes from."""
