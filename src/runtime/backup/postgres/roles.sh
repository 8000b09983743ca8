# $1: bytes of what `globals` printed. Roles that are not there are made, with what they were given; those that are there stay as they are.
there=$(psql -XAtwq -v ON_ERROR_STOP=1 -c 'select quote_ident(rolname) from pg_roles' template1) || exit
head -c "$1" | there=$there awk '
  BEGIN { count = split(ENVIRON["there"], names, "\n"); for (i = 1; i <= count; i++) known[names[i]] = 1 }
  function name(text,   end) {
    if (substr(text, 1, 1) != "\"") { match(text, /^[^ ;]+/); return substr(text, 1, RLENGTH) }
    end = 2
    while (end <= length(text)) {
      if (substr(text, end, 1) == "\"") { if (substr(text, end + 1, 1) != "\"") break; end++ }
      end++
    }
    return substr(text, 1, end)
  }
  /^CREATE ROLE / { role = name(substr($0, 13)); if (!(role in known)) { made[role] = 1; print } next }
  /^ALTER ROLE / { if (name(substr($0, 12)) in made) print; next }
  /^GRANT / { at = index($0, " TO "); if (at && name(substr($0, at + 4)) in made) print; next }
' | psql -XAtwq -v ON_ERROR_STOP=1 template1 >/dev/null
