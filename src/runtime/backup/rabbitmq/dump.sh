exported
count_definitions || { echo "the definitions are not whole" >&2; exit 1; }
printf '%s' "$definitions"
