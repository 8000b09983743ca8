# Where it is done already there is nothing to come. Killed anywhere and done again, it goes on.
is_there "$new" || is_there "$coming" || exit 0
note_time "$root"
if is_there "$new"; then
  move "$root" "$old" from && mv "$new" "$coming" || exit
fi
note_like "$coming"
move "$coming" "$root" to && owned_like "$coming/$like" "$root" && discard "$coming" && set_time "$root"
