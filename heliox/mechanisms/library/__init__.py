"""Mechanisms that come with HelioX, one file each; each file has one `template`."""
