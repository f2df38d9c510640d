"""The messages of usher.v1, made from proto/ by gen/regenerate."""
