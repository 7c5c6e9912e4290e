import WindlassCore

/// A command line that is read without the argument parser.
///
/// The parser looks into the declarations of all commands, and that takes longer than `migrate`
/// needs to find that nothing is to be done. What is not written in the plainest way is left to it:
/// help, `--name=value`, an option twice, whatever is wrong.
struct PlainArguments {
  private var words: ArraySlice<String>

  /// Reads what `windlass migrate` is asked for; nil when the parser has to look.
  static func migrateOrder(_ arguments: [String]) -> MigrateOrder? {
    guard arguments.first == "migrate" else { return nil }
    var reader = PlainArguments(words: arguments.dropFirst())
    return reader.migrateOrder()
  }

  private mutating func migrateOrder() -> MigrateOrder? {
    var order = MigrateOrder(database: DatabaseReference(argument: ""), path: "")
    var given: [String] = []
    while let name = words.popFirst() {
      guard !given.contains(name), read(name, into: &order) else { return nil }
      given.append(name)
    }
    return given.contains("--database") && given.contains("--path") ? order : nil
  }

  private mutating func read(_ name: String, into order: inout MigrateOrder) -> Bool {
    switch name {
    case "--create": order.create = true
    case "--dry-run": order.dryRun = true
    case "--foreign-keys": order.foreignKeys = true
    // Whoever writes looks for it by itself.
    case "--json": break
    default:
      // Behind an option with a value.
      guard let value = words.popFirst(), !value.isEmpty, !value.hasPrefix("-") else {
        return false
      }
      return read(name, value, into: &order)
    }
    return true
  }

  private func read(_ name: String, _ value: String, into order: inout MigrateOrder) -> Bool {
    switch name {
    case "--database": order.database = DatabaseReference(argument: value)
    case "--ledger-table": order.ledgerTable = value
    case "--path": order.path = value
    case "--to":
      guard let number = UInt64(value) else { return false }
      order.to = number
    case "--phase":
      guard let phase = MigrationPhase(rawValue: value) else { return false }
      order.phase = phase
    default: return read(name, value, into: &order.limits)
    }
    return true
  }

  private func read(_ name: String, _ value: String, into limits: inout LockLimits) -> Bool {
    guard let time = Interval(value) else { return false }
    switch name {
    case "--lock-budget": limits.lockBudget = time
    case "--hold-budget": limits.holdBudget = time
    case "--lock-deadline": limits.lockDeadline = time
    default: return false
    }
    return true
  }
}
