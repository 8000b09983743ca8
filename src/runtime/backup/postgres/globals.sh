# What is outside of all databases: roles, with their passwords, and tablespaces.
exec pg_dumpall -w --globals-only
