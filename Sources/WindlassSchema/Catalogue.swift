/// What a database's schema consists of, engine-neutral, in a fixed order so that two snapshots
/// compare and hash the same everywhere.
package struct Catalogue: Hashable, Codable, Sendable {
  package var tables: [CatalogueTable]
  /// Views, triggers and other objects that stand for themselves, by kind and name.
  package var objects: [CatalogueObject]

  package init(tables: [CatalogueTable], objects: [CatalogueObject] = []) {
    self.tables = tables
    self.objects = objects
  }
}

/// One table of a catalogue.
package struct CatalogueTable: Hashable, Codable, Sendable {
  package var name: String
  package var columns: [CatalogueColumn]
  package var indexes: [CatalogueIndex]
  package var foreignKeys: [CatalogueForeignKey]
  /// The CHECK constraints' conditions, sorted.
  package var checks: [String]
  /// What else the definition says of the whole table, such as `STRICT`, sorted.
  package var options: [String]
  /// The whole definition with blanks, quotes and comments normalised; empty where the engine
  /// keeps none. It catches what the parts above do not tell.
  package var definition: String
  /// Rows at the moment of the snapshot.
  package var rows: Int64

  package init(
    name: String, columns: [CatalogueColumn], indexes: [CatalogueIndex] = [],
    foreignKeys: [CatalogueForeignKey] = [], checks: [String] = [], options: [String] = [],
    definition: String = "", rows: Int64 = 0
  ) {
    self.name = name
    self.columns = columns
    self.indexes = indexes
    self.foreignKeys = foreignKeys
    self.checks = checks
    self.options = options
    self.definition = definition
    self.rows = rows
  }
}

/// One column of a table.
package struct CatalogueColumn: Hashable, Codable, Sendable {
  package var name: String
  /// The declared type, as the engine spells it.
  package var type: String
  package var isNotNull: Bool
  package var defaultValue: String?
  /// Its place in the primary key from 1, or 0.
  package var keyPosition: Int
  /// The collation by which its values compare; empty for the engine's ordinary one.
  package var collation: String
  /// How its values are generated; nil for a column that is written.
  package var generation: String?

  package init(
    name: String, type: String, isNotNull: Bool = false, defaultValue: String? = nil,
    keyPosition: Int = 0, collation: String = "", generation: String? = nil
  ) {
    self.name = name
    self.type = type
    self.isNotNull = isNotNull
    self.defaultValue = defaultValue
    self.keyPosition = keyPosition
    self.collation = collation
    self.generation = generation
  }
}

/// One index of a table.
package struct CatalogueIndex: Hashable, Codable, Sendable {
  package var name: String
  package var isUnique: Bool
  /// Columns or expressions in order.
  package var columns: [String]
  /// The predicate of a partial index.
  package var predicate: String?

  package init(name: String, isUnique: Bool, columns: [String], predicate: String? = nil) {
    self.name = name
    self.isUnique = isUnique
    self.columns = columns
    self.predicate = predicate
  }
}

/// One foreign key of a table.
package struct CatalogueForeignKey: Hashable, Codable, Sendable {
  package var columns: [String]
  package var parent: String
  package var parentColumns: [String]
  package var onUpdate: String
  package var onDelete: String

  package init(
    columns: [String], parent: String, parentColumns: [String], onUpdate: String,
    onDelete: String
  ) {
    self.columns = columns
    self.parent = parent
    self.parentColumns = parentColumns
    self.onUpdate = onUpdate
    self.onDelete = onDelete
  }
}

/// A view, trigger or other object with its definition.
package struct CatalogueObject: Hashable, Codable, Sendable {
  package var kind: String
  package var name: String
  package var definition: String

  package init(kind: String, name: String, definition: String) {
    self.kind = kind
    self.name = name
    self.definition = definition
  }
}
