import Testing
import WindlassSchema

/// What the comparison of two schemas tells.
struct CatalogueDifferenceTests {
  private let flags = CatalogueTable(
    name: "flags",
    columns: [
      CatalogueColumn(name: "key", type: "TEXT", isNotNull: true, keyPosition: 1),
      CatalogueColumn(name: "name", type: "TEXT", isNotNull: true, defaultValue: "''"),
      CatalogueColumn(name: "enabled", type: "INTEGER"),
    ],
    indexes: [CatalogueIndex(name: "by_name", isUnique: false, columns: ["name"])],
    foreignKeys: [
      CatalogueForeignKey(
        columns: ["name"], parent: "names", parentColumns: ["name"], onUpdate: "NO ACTION",
        onDelete: "CASCADE")
    ], checks: ["enabled IN ( 0 , 1 )"], rows: 10)

  private func differences(
    _ change: (inout CatalogueTable) -> Void
  ) -> [CatalogueDifference] {
    var after = flags
    change(&after)
    return Catalogue(tables: [flags]).differences(to: Catalogue(tables: [after]))
  }

  private func kinds(_ change: (inout CatalogueTable) -> Void) -> [CatalogueDifference.Kind] {
    differences(change).map(\.kind)
  }

  @Test func `equal schemas differ in nothing`() {
    #expect(differences { _ in } == [])
    #expect(differences { $0.rows = 11 } == [])
  }

  @Test func `each part of a table is compared`() {
    #expect(kinds { $0.columns.removeLast() } == [.columnRemoved])
    #expect(kinds { $0.columns[1].type = "BLOB" } == [.columnTypeChanged])
    #expect(kinds { $0.columns[2].isNotNull = true } == [.columnNullabilityChanged])
    #expect(kinds { $0.columns[1].defaultValue = nil } == [.columnDefaultChanged])
    #expect(kinds { $0.columns[1].collation = "NOCASE" } == [.columnCollationChanged])
    #expect(kinds { $0.columns[2].generation = "stored" } == [.columnGenerationChanged])
    #expect(kinds { $0.columns[1].keyPosition = 2 } == [.primaryKeyChanged])
    #expect(kinds { $0.columns.swapAt(0, 1) } == [.columnMoved])
    #expect(kinds { $0.foreignKeys = [] } == [.foreignKeyRemoved])
    #expect(kinds { $0.foreignKeys[0].onDelete = "RESTRICT" } == [.foreignKeyActionChanged])
    #expect(kinds { $0.indexes = [] } == [.indexRemoved])
    #expect(kinds { $0.indexes[0].isUnique = true } == [.indexChanged])
    #expect(kinds { $0.checks = [] } == [.checkRemoved])
    #expect(kinds { $0.options = ["STRICT"] } == [.optionsChanged])
    #expect(kinds { $0.definition = "other" } == [.definitionChanged])
    #expect(kinds { $0.rows = 7 } == [.rowsLost])
  }

  @Test func `a new column without a default that must have a value stops old writers`() {
    let strict = differences {
      $0.columns.append(CatalogueColumn(name: "owner", type: "TEXT", isNotNull: true))
    }
    #expect(strict.first?.sentence.hasSuffix("an insert that does not name it fails.") == true)
    let open = differences { $0.columns.append(CatalogueColumn(name: "owner", type: "TEXT")) }
    #expect(open.map(\.sentence) == ["Column flags.owner is new (TEXT)."])
  }

  @Test func `a new column in the middle moves the others`() {
    let kinds = kinds {
      $0.columns.insert(CatalogueColumn(name: "owner", type: "TEXT"), at: 1)
    }
    #expect(kinds == [.columnAdded, .columnMoved])
  }

  @Test func `a renamed column is one gone and one new`() {
    #expect(kinds { $0.columns[2].name = "on" } == [.columnRemoved, .columnAdded])
  }

  @Test func `lost rows are counted in the sentence`() {
    let lost = differences { $0.rows = 3 }
    #expect(lost.map(\.sentence) == ["Table flags lost 7 of its 10 row(s)."])
  }

  @Test func `whole tables and objects come and go`() {
    let trigger = CatalogueObject(kind: "trigger", name: "t", definition: "CREATE TRIGGER t")
    let old = Catalogue(tables: [flags], objects: [trigger])
    let new = Catalogue(tables: [CatalogueTable(name: "segments", columns: [])])
    #expect(old.differences(to: new).map(\.kind) == [.tableRemoved, .tableAdded, .objectRemoved])
    #expect(
      old.differences(to: new).first?.sentence == "Table flags is gone, and with it 10 row(s).")
    #expect(new.differences(to: old).map(\.kind) == [.tableAdded, .tableRemoved, .objectAdded])
  }

  @Test func `the canonical text leaves rows out and nothing else`() {
    let text = Catalogue(tables: [flags]).canonicalText
    var changes: [(inout CatalogueTable) -> Void] = [
      { $0.name = "other" }, { $0.columns[0].name = "k" }, { $0.columns[0].type = "INT" },
      { $0.columns[2].isNotNull = true }, { $0.columns[1].defaultValue = nil },
      { $0.columns[1].keyPosition = 2 }, { $0.columns[1].collation = "NOCASE" },
      { $0.columns[1].generation = "stored" }, { $0.indexes[0].predicate = "1" },
      { $0.indexes[0].columns = ["name", "key"] }, { $0.foreignKeys[0].parent = "other" },
      { $0.foreignKeys[0].onDelete = "RESTRICT" }, { $0.checks = [] },
      { $0.options = ["STRICT"] }, { $0.definition = "x" }, { $0.columns.swapAt(0, 1) },
    ]
    changes.append { $0.columns[1].defaultValue = "" }
    for (index, change) in changes.enumerated() {
      var table = flags
      change(&table)
      #expect(Catalogue(tables: [table]).canonicalText != text, "change \(index)")
    }
    var table = flags
    table.rows = 99
    #expect(Catalogue(tables: [table]).canonicalText == text)
  }
}
