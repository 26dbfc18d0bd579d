"""A .vlae file in a browser: a page that holds a decoder, its model and, if wanted, a file."""
