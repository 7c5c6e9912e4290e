package import WindlassCore

/// A right that a role needs and has not got, with the statement that gives it.
package struct MissingRight: Hashable, Sendable {
  /// The database's user; nil where it is not known.
  package var user: String?
  /// Nil for a URL from the command line.
  package var role: DatabaseRole?
  /// What it may not do, behind "may not", such as `read table items`.
  package var deed: String
  /// The statement that gives the right, without its end.
  package var remedy: String

  package init(user: String?, role: DatabaseRole?, deed: String, remedy: String) {
    self.user = user
    self.role = role
    self.deed = deed
    self.remedy = remedy
  }

  /// The failure of the step that needs the right.
  ///
  /// - Parameter place: the database, for a person.
  package func failure(on place: String) -> StepFailure {
    StepFailure(
      code: "PrivilegeMissing", disposition: .stop,
      message: "The \(DatabaseRole.words(user: user, role)) may not \(deed) on \(place). Run"
        + " `\(remedy);` there as an administrator; docs/roles.md says what each role needs, and"
        + " why.")
  }
}
