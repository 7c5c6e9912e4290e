import Testing
import WindlassCore

/// One sentence of a port's contract, with what shows whether a subject keeps it.
///
/// A test target that owns an implementation runs every clause on it, one test case each:
/// `@Test(arguments: FleetContract.clauses)`. Each clause wants a subject of its own.
package struct Clause<Subject>: Sendable, CustomTestStringConvertible {
  /// What every implementation does.
  package let sentence: String
  private let body: @Sendable (Subject) async throws -> Void

  init(_ sentence: String, _ body: @escaping @Sendable (Subject) async throws -> Void) {
    self.sentence = sentence
    self.body = body
  }

  package var testDescription: String { sentence }

  /// Records an issue for whatever the subject does otherwise.
  package func check(_ subject: Subject) async throws { try await body(subject) }
}

/// The failure that a step ends with; nil when it succeeds.
func failure(_ body: () async throws -> Void) async throws -> StepFailure? {
  do {
    try await body()
    return nil
  } catch let failure as StepFailure {
    return failure
  }
}

/// Asks until the condition holds; false when it still does not after a minute and 200 looks: where
/// other tests compute for that long, a minute alone may have room for one.
func eventually(_ condition: () async throws -> Bool) async throws -> Bool {
  let deadline = ContinuousClock.now + .seconds(60)
  var looks = 0
  while looks < 200 || ContinuousClock.now < deadline {
    if try await condition() { return true }
    looks += 1
    // Not a guess at how long something takes: only a pause between two looks.
    try await Task.sleep(for: .milliseconds(5))
  }
  return false
}
