import WindlassSchema

/// A small schema of the kind that services have, to change in tests.
enum SampleCatalogue {
  static let flags = CatalogueTable(
    name: "flags",
    columns: [
      CatalogueColumn(name: "namespace", type: "TEXT", isNotNull: true, defaultValue: "'main'"),
      CatalogueColumn(name: "key", type: "VARCHAR(64)", isNotNull: true, keyPosition: 1),
      CatalogueColumn(name: "description", type: "TEXT"),
      CatalogueColumn(name: "enabled", type: "BOOLEAN", isNotNull: true, defaultValue: "0"),
      CatalogueColumn(name: "percent", type: "INTEGER", isNotNull: true, defaultValue: "100"),
      CatalogueColumn(name: "owner", type: "TEXT"),
      CatalogueColumn(name: "label", type: "TEXT", generation: "key || owner"),
    ],
    indexes: [
      CatalogueIndex(name: "flags_label", isUnique: true, columns: ["namespace", "owner"]),
      CatalogueIndex(name: "flags_owner", isUnique: false, columns: ["owner"]),
    ],
    checks: ["percent BETWEEN 0 AND 100"], rows: 20)

  static let rules = CatalogueTable(
    name: "rules",
    columns: [
      CatalogueColumn(name: "id", type: "INTEGER", keyPosition: 1),
      CatalogueColumn(name: "flag_key", type: "VARCHAR(64)", isNotNull: true),
      CatalogueColumn(name: "segment_key", type: "VARCHAR(64)"),
      CatalogueColumn(name: "rank", type: "NUMERIC(8,2)", isNotNull: true, defaultValue: "0"),
    ],
    indexes: [CatalogueIndex(name: "rules_flag", isUnique: false, columns: ["flag_key"])],
    foreignKeys: [
      CatalogueForeignKey(
        columns: ["flag_key"], parent: "flags", parentColumns: ["key"], onUpdate: "CASCADE",
        onDelete: "CASCADE"),
      CatalogueForeignKey(
        columns: ["segment_key"], parent: "segments", parentColumns: ["key"],
        onUpdate: "NO ACTION", onDelete: "SET NULL"),
    ], rows: 40)

  static let segments = CatalogueTable(
    name: "segments",
    columns: [
      CatalogueColumn(name: "key", type: "VARCHAR(64)", isNotNull: true, keyPosition: 1),
      CatalogueColumn(name: "match", type: "SMALLINT", isNotNull: true, defaultValue: "1"),
    ], rows: 3)

  static let members = CatalogueTable(
    name: "members",
    columns: [
      CatalogueColumn(name: "segment_key", type: "TEXT", isNotNull: true, keyPosition: 1),
      CatalogueColumn(name: "user", type: "TEXT", isNotNull: true, keyPosition: 2),
    ], options: ["STRICT"])

  static let ledger = CatalogueTable(
    name: "schema_migrations",
    columns: [
      CatalogueColumn(name: "version", type: "uint64"),
      CatalogueColumn(name: "dirty", type: "bool"),
    ], rows: 1)

  /// The schema before any change.
  static let before = Catalogue(
    tables: [flags, members, rules, segments, ledger],
    objects: [
      CatalogueObject(kind: "view", name: "live_flags", definition: "SELECT key FROM flags"),
      CatalogueObject(kind: "trigger", name: "flags_touched", definition: "AFTER UPDATE ON flags"),
    ])
}

extension Catalogue {
  /// Changes one table.
  mutating func change(_ name: String, _ body: (inout CatalogueTable) -> Void) {
    guard let index = tables.firstIndex(where: { $0.name == name }) else { return }
    body(&tables[index])
  }

  /// Changes one column.
  mutating func change(_ table: String, _ column: String, _ body: (inout CatalogueColumn) -> Void) {
    change(table) { table in
      guard let index = table.columns.firstIndex(where: { $0.name == column }) else { return }
      body(&table.columns[index])
    }
  }
}
