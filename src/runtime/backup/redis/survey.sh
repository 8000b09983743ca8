live info | sed -n 's/^redis_version:/midwatch version /p; s/^used_memory_dataset:/midwatch bytes /p' >&2
