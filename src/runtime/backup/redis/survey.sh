redis-cli -p "$REDIS_PORT" info | tr -d '\r' | while IFS=: read -r name value; do
  case $name in
    redis_version) echo "midwatch version $value" ;;
    used_memory_dataset) echo "midwatch bytes $value" ;;
    role) echo "midwatch role $value" ;;
  esac
done >&2
