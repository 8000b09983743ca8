# $1: bytes of what `users` printed. Users that are not there are made, with what they were given; those that are there stay as they are.
there=$(sql --raw -e "select quote(user) from mysql.user union select concat(quote(user), '@', quote(host)) from mysql.user") || exit
made=$(head -c "$1" | there=$there awk '
  BEGIN { count = split(ENVIRON["there"], names, "\n"); for (i = 1; i <= count; i++) known[names[i]] = 1 }
  /^-- user / { skipped = substr($0, 9) in known; next }
  !skipped
') || exit
printf '%s\n' "$made" | load "$1" mysql
