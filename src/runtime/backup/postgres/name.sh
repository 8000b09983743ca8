# $1: a name that nobody has. $2: a database that a restore made, which gets it. $3: `named`, `unnamed` or `settled`. $4: of which restore.
# Its comment tells that it came so, where there was none of its name, for as long as it may be taken back: another's of that name is
# nobody's to let go.
psql -XAtwq -v ON_ERROR_STOP=1 -v name="$1" -v new="$2" -v will_be="$3" -v mark="midwatch restores $4" template1 <<'SQL'
select :'will_be' = 'named' as is_named, :'will_be' = 'unnamed' as is_unnamed,
  exists (select from pg_database where datname = :'new') as waits,
  exists (select from pg_database where datname = :'name' and shobj_description(oid, 'pg_database') = :'mark') as is_ours \gset
\if :is_named
  \if :waits
    comment on database :"new" is :'mark';
    alter database :"new" rename to :"name";
  \endif
\elif :is_ours
  \if :is_unnamed
    select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = :'name' and pid <> pg_backend_pid() \g /dev/null
    drop database :"name";
  \else
    comment on database :"name" is null;
  \endif
\endif
SQL
