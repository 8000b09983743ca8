# $1: the end of the names of the databases that a restore made.
MIDWATCH_SUFFIX=$1 shell '
  admin.runCommand({ listDatabases: 1 }).databases.map(each => each.name).filter(name => name.endsWith(variable("MIDWATCH_SUFFIX")))
    .forEach(name => db.getSiblingDB(name).dropDatabase());
' >/dev/null
