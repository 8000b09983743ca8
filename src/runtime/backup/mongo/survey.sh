# The server's version, and each database with its size in bytes.
shell '
  print("midwatch version " + db.version());
  admin.runCommand({ listDatabases: 1 }).databases.forEach(each => print("midwatch database " + each.sizeOnDisk + " " + each.name));
' >&2
