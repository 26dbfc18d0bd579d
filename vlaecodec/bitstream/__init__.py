"""The bytes of a file: header, container, tiles, payloads. No torch."""
