live info keyspace | keyspace 'count \2 \1'
