# $1: bytes of the archive. $2: what is put behind the name of each database, for it to stand beside the live one; or nothing: then the
# live collections go, each when its own is at hand, and the users become those of the archive.
bytes=$1 suffix=$2
if [ -n "$suffix" ]; then
  set -- --nsExclude='admin.*' --nsFrom='$database$.$collection$' --nsTo="\$database\$$suffix.\$collection\$"
else
  set --
fi
code=$({
  { head -c "$bytes" | with_password mongorestore --archive --drop --stopOnError --nsExclude='config.*' "$@" 2>&1 >/dev/null 5>&-; echo $? >&5; } |
    counted 'finished restoring' "$suffix"
} 5>&1)
exit "${code:-1}"
