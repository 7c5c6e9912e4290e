extension Catalogue {
  /// The schema, without row counts, as one text that is the same exactly for equal schemas; its
  /// SHA-256 is the schema's fingerprint.
  ///
  /// Each field is preceded by its length, so that no two schemas run together into one text.
  package var canonicalText: String {
    var text = CanonicalText()
    for table in tables.sorted(by: { $0.name < $1.name }) {
      text.add("table", table.name, table.definition)
      for column in table.columns {
        text.add(
          "column", column.name, column.type, column.isNotNull ? "not null" : "",
          column.defaultValue ?? "", column.defaultValue == nil ? "no default" : "default",
          String(column.keyPosition), column.collation, column.generation ?? "")
      }
      for index in table.indexes {
        text.add("index", index.name, index.isUnique ? "unique" : "", index.predicate ?? "")
        text.add(index.columns)
      }
      for key in table.foreignKeys {
        text.add("foreign key", key.parent, key.onUpdate, key.onDelete)
        text.add(key.columns)
        text.add(key.parentColumns)
      }
      text.add(table.checks)
      text.add(table.options)
    }
    for object in objects.sorted(by: { ($0.kind, $0.name) < ($1.kind, $1.name) }) {
      text.add("object", object.kind, object.name, object.definition)
    }
    return text.text
  }
}

/// A text made of fields, each with its length before it.
private struct CanonicalText {
  private(set) var text = ""

  mutating func add(_ fields: String...) { add(fields) }

  mutating func add(_ fields: [String]) {
    text += "\(fields.count)("
    for field in fields { text += "\(field.utf8.count):\(field)" }
    text += ")\n"
  }
}
