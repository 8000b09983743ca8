# $1: a database that is made for it. $2: one whose encoding and locale it gets, if there is one of that name. $3: bytes of the dump.
# Whatever stands under that name is from an earlier try, which may still be at it.
psql -XAtwq -v ON_ERROR_STOP=1 -v new="$1" -v like="$2" template1 <<'SQL' || exit
select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = :'new' and pid <> pg_backend_pid() \g /dev/null
drop database if exists :"new";
select format('create database %I template template0 encoding %L lc_collate %L lc_ctype %L owner %I', :'new', pg_encoding_to_char(encoding), datcollate, datctype, pg_get_userbyid(datdba))
  from pg_database where datname = :'like'
union all
select format('create database %I template template0', :'new') where not exists (select from pg_database where datname = :'like')
\gexec
SQL
head -c "$3" | pg_restore -w --exit-on-error --dbname="$1"
