# After the dump come 40 bytes by which redis-cli knew its end; whoever loads it stops before them.
# The keys are counted before and after, and how much was written meanwhile: the moment of the dump lies between.
state() {
  state=$(live info)
  echo "$state" | sed -n "s/^master_repl_offset:/midwatch offset $1 /p" >&2
  echo "$state" | keyspace "keys $1 \2 \3 \1"
}
state before
redis-cli -p "$port" --rdb - || exit
state after
