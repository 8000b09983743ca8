# Runs "$@", which prints a dump. An engine whose client is gone closes the input, but neither reads on nor closes what is printed to, so that it
# would wait for ever. What stands between ends then, and so does what prints.
exec 3<&0 4>&1
code=$(
  { { "$@" </dev/null 3<&- 4>&- 5>&-; echo $? >&5; } | {
    exec 6<&0
    cat <&6 >&4 3<&- 5>&- &
    between=$!
    { read -r _; kill "$between"; } <&3 >/dev/null 2>&1 4>&- 5>&- 6<&- &
    exec 6<&-
    wait "$between" 2>/dev/null
    # Without being waited for it would be nobody's, and stay as a zombie.
    kill $! 2>/dev/null
    wait $! 2>/dev/null
  }; } 5>&1
)
exit "${code:-1}"
