import WindlassProof
import WindlassSchema

extension SampleMigration {
  /// Migrations that a person should look at, and that break nothing by themselves.
  static let doubtful: [SampleMigration] = [
    SampleMigration("drop a foreign key", .loosen, "rules (flag_key)") { catalogue in
      catalogue.change("rules") { $0.foreignKeys.removeFirst() }
    },
    SampleMigration("cascade what set NULL", .loosen, "rules (segment_key)") { catalogue in
      catalogue.change("rules") { $0.foreignKeys[1].onDelete = "CASCADE" }
    },
    SampleMigration("drop a check", .loosen, "table flags") { catalogue in
      catalogue.change("flags") { $0.checks = [] }
    },
    SampleMigration("drop an option", .loosen, "table members") { catalogue in
      catalogue.change("members") { $0.options = [] }
    },
    SampleMigration("allow NULL", .loosen, "flags.percent") { catalogue in
      catalogue.change("flags", "percent") { $0.isNotNull = false }
    },
    SampleMigration("widen the key and keep the old one unique", .changeKey, "table flags") {
      $0.change("flags") { table in
        table.columns[0].keyPosition = 1
        table.columns[1].keyPosition = 2
        table.indexes.append(CatalogueIndex(name: "flags_key", isUnique: true, columns: ["key"]))
      }
    },
    SampleMigration("drop the key and keep it unique", .loosen, "table segments") { catalogue in
      catalogue.change("segments") { table in
        table.columns[0].keyPosition = 0
        table.indexes.append(CatalogueIndex(name: "by_key", isUnique: true, columns: ["key"]))
      }
    },
    SampleMigration("copy rows into a new table", .copyRows, "table shares") { catalogue in
      catalogue.tables.append(
        CatalogueTable(
          name: "shares", columns: [CatalogueColumn(name: "key", type: "TEXT")], rows: 20))
    },
    SampleMigration("add a column that nobody writes", .unmaintainedColumn, "flags.changed_at") {
      $0.change("flags") {
        $0.columns.append(CatalogueColumn(name: "changed_at", type: "TEXT"))
      }
    },
    SampleMigration("end a column's generation", .unmaintainedColumn, "flags.label") { catalogue in
      catalogue.change("flags", "label") { $0.generation = nil }
    },
    SampleMigration("change a default", .changeDefault, "flags.percent") { catalogue in
      catalogue.change("flags", "percent") { $0.defaultValue = "0" }
    },
    SampleMigration("drop an optional column's default", .changeDefault, "flags.percent") {
      $0.change("flags", "percent") { column in
        column.isNotNull = false
        column.defaultValue = nil
      }
    },
    SampleMigration("generate in another way", .changeDefault, "flags.label") { catalogue in
      catalogue.change("flags", "label") { $0.generation = "key" }
    },
    SampleMigration("change a collation", .changeCollation, "flags.owner") { catalogue in
      catalogue.change("flags", "owner") { $0.collation = "NOCASE" }
    },
    SampleMigration("add a trigger", .changeCode, "trigger flags_copied") { catalogue in
      catalogue.objects.append(
        CatalogueObject(kind: "trigger", name: "flags_copied", definition: "AFTER INSERT"))
    },
    SampleMigration("drop a trigger", .changeCode, "trigger flags_touched") { catalogue in
      catalogue.objects.removeAll { $0.kind == "trigger" }
    },
    SampleMigration("change a view", .changeCode, "view live_flags") { catalogue in
      catalogue.objects[0].definition = "SELECT key FROM flags WHERE enabled"
    },
    SampleMigration("drop an index", .dropIndex, "flags_owner") { catalogue in
      catalogue.change("flags") { $0.indexes.removeAll { !$0.isUnique } }
    },
    SampleMigration("widen a whole number", .narrow, "segments.match") { catalogue in
      catalogue.change("segments", "match") { $0.type = "BIGINT" }
    },
    SampleMigration("widen a text", .narrow, "flags.key") { catalogue in
      catalogue.change("flags", "key") { $0.type = "VARCHAR(128)" }
    },
    SampleMigration("refer strictly from a new table", .tightenForeignKey, "table notes") {
      $0.tables.append(
        CatalogueTable(
          name: "notes", columns: [CatalogueColumn(name: "flag_key", type: "TEXT")],
          foreignKeys: [
            CatalogueForeignKey(
              columns: ["flag_key"], parent: "flags", parentColumns: ["key"],
              onUpdate: "NO ACTION", onDelete: "NO ACTION")
          ]))
    },
    SampleMigration("refer from a new column", .tightenForeignKey, "members (flag_key)") {
      $0.change("members") { table in
        table.columns.append(CatalogueColumn(name: "flag_key", type: "TEXT"))
        table.foreignKeys.append(
          CatalogueForeignKey(
            columns: ["flag_key"], parent: "flags", parentColumns: ["key"],
            onUpdate: "NO ACTION", onDelete: "NO ACTION"))
      }
    },
  ]

  /// Migrations that no running server notices; their rule and object are not looked at.
  static let harmless: [SampleMigration] = [
    change("add a table") { catalogue in
      catalogue.tables.append(
        CatalogueTable(name: "shares", columns: [CatalogueColumn(name: "key", type: "TEXT")]))
    },
    change("add a table that follows its parent") { catalogue in
      catalogue.tables.append(
        CatalogueTable(
          name: "shares", columns: [CatalogueColumn(name: "key", type: "TEXT")],
          foreignKeys: [
            CatalogueForeignKey(
              columns: ["key"], parent: "flags", parentColumns: ["key"], onUpdate: "CASCADE",
              onDelete: "CASCADE")
          ]))
    },
    change("add a column to an empty table") { catalogue in
      catalogue.change("members") {
        $0.columns.append(
          CatalogueColumn(name: "since", type: "INTEGER", isNotNull: true, defaultValue: "0"))
      }
    },
    change("add a generated column") { catalogue in
      catalogue.change("flags") {
        $0.columns.append(
          CatalogueColumn(name: "slug", type: "TEXT", isNotNull: true, generation: "lower(key)"))
      }
    },
    change("add an index") { catalogue in
      catalogue.change("rules") {
        $0.indexes.append(CatalogueIndex(name: "rules_rank", isUnique: false, columns: ["rank"]))
      }
    },
    change("rename an index") { $0.change("flags") { $0.indexes[1].name = "flags_by_owner" } },
    change("replace an index by a longer one") { catalogue in
      catalogue.change("flags") { $0.indexes[1].columns.append("percent") }
    },
    change("add a unique index that the key implies") { catalogue in
      catalogue.change("flags") {
        $0.indexes.append(
          CatalogueIndex(name: "flags_key_owner", isUnique: true, columns: ["owner", "key"]))
      }
    },
    change("add a unique index over a new optional column") { catalogue in
      catalogue.change("members") { table in
        table.columns.append(CatalogueColumn(name: "mail", type: "TEXT"))
        table.indexes.append(CatalogueIndex(name: "mail", isUnique: true, columns: ["mail"]))
      }
    },
    change("add a check on a new column") { catalogue in
      catalogue.change("members") { table in
        table.columns.append(CatalogueColumn(name: "weight", type: "INTEGER"))
        table.checks.append("weight > 0")
      }
    },
    change("spell a type otherwise") { $0.change("flags", "percent") { $0.type = "int" } },
    change("spell a missing default") { $0.change("flags", "owner") { $0.defaultValue = "NULL" } },
    change("spell a refusal otherwise") { catalogue in
      catalogue.change("rules") { $0.foreignKeys[1].onUpdate = "RESTRICT" }
    },
    change("number rows without gaps") { $0.change("rules") { $0.options = ["AUTOINCREMENT"] } },
    change("add a view") { catalogue in
      catalogue.objects.append(
        CatalogueObject(kind: "view", name: "dead_flags", definition: "SELECT 1"))
    },
    change("add rows") { $0.change("flags") { $0.rows += 5 } },
    change("write the ledger anew") { $0.change("schema_migrations") { $0.rows = 0 } },
    change("drop a table of Windlass's own") { catalogue in
      catalogue.tables.append(
        CatalogueTable(
          name: "windlass_fence",
          columns: [CatalogueColumn(name: "epoch", type: "INTEGER", isNotNull: true)], rows: 1))
    },
  ]

  private static func change(
    _ name: String, _ body: @escaping @Sendable (inout Catalogue) -> Void
  ) -> SampleMigration {
    SampleMigration(name, .loseRows, "", body)
  }
}
