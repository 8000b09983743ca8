# After the dump come 40 bytes by which redis-cli knew its end; whoever loads it stops before them.
# The keys are counted before and after: the moment of the dump lies between.
keys() { redis-cli -p "$REDIS_PORT" info keyspace | tr -d '\r' | sed -n "s/^\(db[0-9]*\):keys=\([0-9]*\).*/midwatch $1 \2 \1/p" >&2; }
keys before
redis-cli -p "$REDIS_PORT" --rdb - || exit
keys after
