import WindlassProof
import WindlassSchema

extension SampleMigration {
  /// Migrations each of which breaks servers that were made for the sample schema.
  static let bad: [SampleMigration] = tables + columns + keys + indexes + foreignKeys + objects

  private static let tables: [SampleMigration] = [
    SampleMigration("drop a table", .dropTable, "segments") { catalogue in
      catalogue.tables.removeAll { $0.name == "segments" }
    },
    SampleMigration("drop an empty table", .dropTable, "members") { catalogue in
      catalogue.tables.removeAll { $0.name == "members" }
    },
    SampleMigration("rename a table", .renameTable, "rules") { catalogue in
      catalogue.change("rules") { $0.name = "flag_rules" }
    },
    SampleMigration("replace a table by one of another shape", .dropTable, "segments") {
      catalogue in
      catalogue.change("segments") { table in
        table.name = "audiences"
        table.columns.removeLast()
      }
    },
    SampleMigration("rebuild a parent and cascade to its children", .loseRows, "rules") {
      $0.change("rules") { $0.rows = 0 }
    },
    SampleMigration("delete one row", .loseRows, "segments") { catalogue in
      catalogue.change("segments") { $0.rows -= 1 }
    },
    SampleMigration("empty a table", .loseRows, "flags") { $0.change("flags") { $0.rows = 0 } },
    SampleMigration("make a table strict", .narrow, "table segments") { catalogue in
      catalogue.change("segments") { $0.options = ["STRICT"] }
    },
    SampleMigration("make a table lose its row ids", .narrow, "table segments") { catalogue in
      catalogue.change("segments") { $0.options = ["WITHOUT ROWID"] }
    },
    SampleMigration("add a check on an old column", .narrow, "table flags") { catalogue in
      catalogue.change("flags") { $0.checks.append("length(key) > 3") }
    },
    SampleMigration("add a check on an old and a new column", .narrow, "table flags") { catalogue in
      catalogue.change("flags") { table in
        table.columns.append(CatalogueColumn(name: "stage", type: "TEXT"))
        table.checks.append("stage IS NOT NULL OR enabled = 0")
      }
    },
    SampleMigration("tighten a check", .narrow, "table flags") { catalogue in
      catalogue.change("flags") { $0.checks = ["percent BETWEEN 1 AND 99"] }
    },
  ]

  private static let columns: [SampleMigration] = [
    SampleMigration("drop a column", .dropColumn, "flags.description") { catalogue in
      catalogue.change("flags") { $0.columns.removeAll { $0.name == "description" } }
    },
    SampleMigration("drop the last column", .dropColumn, "flags.label") { catalogue in
      catalogue.change("flags") { $0.columns.removeAll { $0.name == "label" } }
    },
    SampleMigration("drop a required column", .dropColumn, "rules.rank") { catalogue in
      catalogue.change("rules") { $0.columns.removeAll { $0.name == "rank" } }
    },
    SampleMigration("drop a column and add one elsewhere", .dropColumn, "flags.description") {
      $0.change("flags") { table in
        table.columns.removeAll { $0.name == "description" }
        table.columns.append(CatalogueColumn(name: "summary", type: "TEXT"))
      }
    },
    SampleMigration("rename a column", .renameColumn, "flags.description") { catalogue in
      catalogue.change("flags", "description") { $0.name = "summary" }
    },
    SampleMigration("rename a required column", .renameColumn, "flags.percent") { catalogue in
      catalogue.change("flags", "percent") { $0.name = "share" }
    },
    SampleMigration("rename a key's column", .renameColumn, "segments.key") { catalogue in
      catalogue.change("segments", "key") { $0.name = "name" }
    },
    SampleMigration("replace a column by one of another type", .dropColumn, "flags.percent") {
      $0.change("flags", "percent") { column in
        column.name = "share"
        column.type = "REAL"
      }
    },
    SampleMigration("add a required column", .requiredColumn, "flags.tenant") { catalogue in
      catalogue.change("flags") {
        $0.columns.append(CatalogueColumn(name: "tenant", type: "TEXT", isNotNull: true))
      }
    },
    SampleMigration("add a required column with the default NULL", .requiredColumn, "flags.tenant")
    {
      $0.change("flags") {
        $0.columns.append(
          CatalogueColumn(name: "tenant", type: "TEXT", isNotNull: true, defaultValue: "null"))
      }
    },
    SampleMigration("drop a required column's default", .dropDefault, "flags.percent") {
      catalogue in
      catalogue.change("flags", "percent") { $0.defaultValue = nil }
    },
    SampleMigration("set a required column's default to NULL", .dropDefault, "flags.enabled") {
      $0.change("flags", "enabled") { $0.defaultValue = "NULL" }
    },
    SampleMigration("forbid NULL", .forbidNull, "flags.description") { catalogue in
      catalogue.change("flags", "description") { $0.isNotNull = true }
    },
    SampleMigration("forbid NULL and set a default", .forbidNull, "flags.owner") { catalogue in
      catalogue.change("flags", "owner") { column in
        column.isNotNull = true
        column.defaultValue = "''"
      }
    },
    SampleMigration("forbid NULL in a foreign key", .forbidNull, "rules.segment_key") { catalogue in
      catalogue.change("rules", "segment_key") { $0.isNotNull = true }
    },
    SampleMigration("shorten a text", .narrow, "flags.key") { catalogue in
      catalogue.change("flags", "key") { $0.type = "VARCHAR(32)" }
    },
    SampleMigration("limit an unlimited text", .narrow, "flags.owner") { catalogue in
      catalogue.change("flags", "owner") { $0.type = "VARCHAR(64)" }
    },
    SampleMigration("turn a text into a number", .narrow, "flags.owner") { catalogue in
      catalogue.change("flags", "owner") { $0.type = "INTEGER" }
    },
    SampleMigration("turn a number into a text", .narrow, "flags.percent") { catalogue in
      catalogue.change("flags", "percent") { $0.type = "TEXT" }
    },
    SampleMigration("narrow a whole number", .narrow, "flags.percent") { catalogue in
      catalogue.change("flags", "percent") { $0.type = "SMALLINT" }
    },
    SampleMigration("take digits behind the point", .narrow, "rules.rank") { catalogue in
      catalogue.change("rules", "rank") { $0.type = "NUMERIC(8,1)" }
    },
    SampleMigration("move digits behind the point", .narrow, "rules.rank") { catalogue in
      catalogue.change("rules", "rank") { $0.type = "NUMERIC(8,4)" }
    },
    SampleMigration("declare a position into the type", .narrow, "flags.owner") { catalogue in
      catalogue.change("flags", "owner") { $0.type = "TEXT AFTER description" }
    },
    SampleMigration("generate a written column", .narrow, "flags.owner") { catalogue in
      catalogue.change("flags", "owner") { $0.generation = "upper(key)" }
    },
    SampleMigration("insert a column between others", .moveColumn, "table flags") { catalogue in
      catalogue.change("flags") {
        $0.columns.insert(CatalogueColumn(name: "stage", type: "TEXT"), at: 2)
      }
    },
    SampleMigration("rebuild a table in another order", .moveColumn, "table flags") { catalogue in
      catalogue.change("flags") { $0.columns.swapAt(2, 5) }
    },
  ]

  private static let keys: [SampleMigration] = [
    SampleMigration("widen the primary key", .changeKey, "table flags") { catalogue in
      catalogue.change("flags") { table in
        table.columns[0].keyPosition = 1
        table.columns[1].keyPosition = 2
      }
    },
    SampleMigration("replace the primary key", .changeKey, "table rules") { catalogue in
      catalogue.change("rules") { table in
        table.columns[0].keyPosition = 0
        table.columns[1].keyPosition = 1
      }
    },
    SampleMigration("narrow the primary key", .changeKey, "table members") { catalogue in
      catalogue.change("members", "user") { $0.keyPosition = 0 }
    },
    SampleMigration("drop the primary key", .loosen, "table segments") { catalogue in
      catalogue.change("segments", "key") { $0.keyPosition = 0 }
    },
  ]

  private static let indexes: [SampleMigration] = [
    SampleMigration("add a unique index", .narrow, "rules_rank") { catalogue in
      catalogue.change("rules") {
        $0.indexes.append(
          CatalogueIndex(name: "rules_rank", isUnique: true, columns: ["flag_key", "rank"]))
      }
    },
    SampleMigration("add a partial unique index", .narrow, "one_live") { catalogue in
      catalogue.change("flags") {
        $0.indexes.append(
          CatalogueIndex(
            name: "one_live", isUnique: true, columns: ["owner"], predicate: "enabled = 1"))
      }
    },
    SampleMigration("make an index unique", .narrow, "rules_flag") { catalogue in
      catalogue.change("rules") {
        $0.indexes = [CatalogueIndex(name: "rules_flag", isUnique: true, columns: ["flag_key"])]
      }
    },
    SampleMigration("add a unique index over a new column with a default", .narrow, "by_stage") {
      $0.change("flags") { table in
        table.columns.append(CatalogueColumn(name: "stage", type: "TEXT", defaultValue: "'beta'"))
        table.indexes.append(
          CatalogueIndex(name: "by_stage", isUnique: true, columns: ["stage"]))
      }
    },
    SampleMigration("drop a unique index", .loosen, "flags_label") { catalogue in
      catalogue.change("flags") { $0.indexes.removeAll { $0.isUnique } }
    },
    SampleMigration("make a unique index partial", .loosen, "flags_label") { catalogue in
      catalogue.change("flags") { $0.indexes[0].predicate = "enabled = 1" }
    },
    SampleMigration("widen a unique index", .loosen, "flags_label") { catalogue in
      catalogue.change("flags") { $0.indexes[0].columns.append("enabled") }
    },
  ]

  private static let foreignKeys: [SampleMigration] = [
    SampleMigration("refuse what cascaded", .tightenForeignKey, "rules (flag_key)") { catalogue in
      catalogue.change("rules") { $0.foreignKeys[0].onDelete = "RESTRICT" }
    },
    SampleMigration("refuse by no action what cascaded", .tightenForeignKey, "rules (flag_key)") {
      $0.change("rules") { $0.foreignKeys[0].onDelete = "NO ACTION" }
    },
    SampleMigration("refuse a changed key", .tightenForeignKey, "rules (flag_key)") { catalogue in
      catalogue.change("rules") { $0.foreignKeys[0].onUpdate = "NO ACTION" }
    },
    SampleMigration("refuse what set NULL", .tightenForeignKey, "rules (segment_key)") {
      catalogue in
      catalogue.change("rules") { $0.foreignKeys[1].onDelete = "RESTRICT" }
    },
    SampleMigration("set NULL where it is forbidden", .tightenForeignKey, "rules (flag_key)") {
      $0.change("rules") { $0.foreignKeys[0].onDelete = "SET NULL" }
    },
    SampleMigration("add a foreign key on an old column", .narrow, "flags (owner)") { catalogue in
      catalogue.change("flags") {
        $0.foreignKeys.append(
          CatalogueForeignKey(
            columns: ["owner"], parent: "segments", parentColumns: ["key"], onUpdate: "NO ACTION",
            onDelete: "CASCADE"))
      }
    },
  ]

  private static let objects: [SampleMigration] = [
    SampleMigration("drop a view", .dropTable, "view live_flags") { catalogue in
      catalogue.objects.removeAll { $0.kind == "view" }
    },
    SampleMigration("rename a view", .dropTable, "view live_flags") { catalogue in
      catalogue.objects[0].name = "visible_flags"
    },
    SampleMigration("add a check as an object", .narrow, "check flags_key_long") { catalogue in
      catalogue.objects.append(
        CatalogueObject(kind: "check", name: "flags_key_long", definition: "length(key) > 3"))
    },
  ]
}
