echo "midwatch version $version" >&2
