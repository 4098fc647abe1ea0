"""What BTF alone cannot say: decl tags, overlays, the built-in library, as checked facts."""
