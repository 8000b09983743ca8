# Documents of each collection that is live, as the server keeps count of them.
shell '
  admin.runCommand({ listDatabases: 1 }).databases.map(each => db.getSiblingDB(each.name)).forEach(database =>
    database.getCollectionInfos({ type: "collection" }).forEach(each =>
      print("midwatch count " + database.getCollection(each.name).estimatedDocumentCount() + " " + database.getName() + "." + each.name)));
' >&2
