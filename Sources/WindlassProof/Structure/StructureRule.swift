/// A rule about changes of a schema before the roll, with the way to do the same safely.
///
/// The numbers are stable: evidence, reports and documentation name rules by them.
package enum StructureRule: String, Hashable, Codable, Sendable, CaseIterable {
  case dropTable = "X1"
  case renameTable = "X2"
  case dropColumn = "X3"
  case renameColumn = "X4"
  case requiredColumn = "X5"
  case dropDefault = "X6"
  case forbidNull = "X7"
  case narrow = "X8"
  case tightenForeignKey = "X9"
  case loosen = "X10"
  case changeKey = "X11"
  case copyRows = "X12"
  case unmaintainedColumn = "X13"
  case changeDefault = "X14"
  case changeCollation = "X17"
  case changeCode = "X18"
  case loseRows = "X20"
  case dropIndex = "X21"
  case moveColumn = "X22"

  /// How to reach the same without breaking the servers that still run.
  package var rewrite: String {
    switch self {
    case .dropTable:
      "stop using it in one release and drop it in the contract phase of that or a later one"
    case .renameTable:
      "keep the old name working, as a view that can be written to, and drop it in contract"
    case .dropColumn:
      "stop using it in one release and drop it in the contract phase; if it is NOT NULL without "
        + "a default, first allow NULL or give it a default"
    case .renameColumn:
      "add the new column, write both (a trigger can), backfill, and drop the old one in contract"
    case .requiredColumn: "make it nullable, or give it a constant default"
    case .dropDefault: "keep the default until contract"
    case .forbidNull: "forbid NULL in contract, once no server writes it any more"
    case .narrow:
      "add it in contract, or put the narrower values into a new column"
    case .tightenForeignKey:
      "let the release stop relying on the old action first, and tighten the key in contract"
    case .loosen:
      "drop it in contract, once no running server relies on it, as an upsert does on its target"
    case .changeKey:
      "keep a UNIQUE index on the old key until contract"
    case .copyRows:
      "write both places (a trigger can) before the copy, and repeat the copy in contract"
    case .unmaintainedColumn:
      "let the new release read its absence as unknown, or fill it by a trigger"
    case .changeDefault: "write the value explicitly in the new release instead"
    case .changeCollation: "add a new column with the other collation, and move over to it"
    case .changeCode: "review it: it acts on what the running servers read and write"
    case .loseRows:
      "delete in contract after a backup; where a table is rebuilt, make sure that dropping the "
        + "old one does not cascade to its children"
    case .dropIndex: "drop it in contract, once no running server's queries need it"
    case .moveColumn: "append new columns and keep the order of the others"
    }
  }
}
