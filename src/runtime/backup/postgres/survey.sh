# The server's version, its tools', and each database with its size in bytes.
psql -XAtwq -v ON_ERROR_STOP=1 template1 >&2 <<'SQL'
select 'midwatch version ' || current_setting('server_version_num');
select 'midwatch database ' || pg_database_size(oid) || ' ' || datname from pg_database where datallowconn and not datistemplate order by datname;
SQL
echo "midwatch tool $(pg_dump --version)" >&2
