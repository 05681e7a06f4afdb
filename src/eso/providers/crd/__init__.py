"""Fields of custom resources, of this cluster or another one."""
