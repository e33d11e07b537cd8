# The fenced blocks of a document, for documents.sh: writes DIR/N.text for each (DIR is a variable)
# and prints "N LINE LANGUAGE DIRECTIVE". LANGUAGE is "-" where the fence names none, DIRECTIVE the
# comment (<!-- ... -->) that stands right before the fence, "-" where there is none.

/^ *```/ && !inside {
    inside = 1
    count++
    indent = match($0, /[^ ]/) - 1
    language = substr($0, indent + 4)
    sub(/ +$/, "", language)
    print count, FNR, (language == "" ? "-" : language), (directive == "" ? "-" : directive)
    file = DIR "/" count ".text"
    printf "" >file
    next
}
/^ *```/ {
    inside = 0
    directive = ""
    close(file)
    next
}
inside {
    line = $0
    for (i = 0; i < indent && substr(line, 1, 1) == " "; i++) line = substr(line, 2)
    print line >>file
    next
}
/^ *<!-- .* -->$/ {
    directive = $0
    sub(/^ *<!-- /, "", directive)
    sub(/ -->$/, "", directive)
    next
}
!/^ *$/ { directive = "" }
END {
    if (inside) print count + 1, FNR, "unclosed", "-"
}
