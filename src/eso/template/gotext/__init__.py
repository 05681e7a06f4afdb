"""Go's text/template language: lexer, parser, compiler to closures, and the functions Go itself brings."""
