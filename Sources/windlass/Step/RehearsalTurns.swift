import FoundationEssentials
import KubernetesFleet
import WindlassCore
import WindlassProof
import WindlassSchema

/// What is kept on the volume between the turns of a rehearsal.
///
/// A turn that was begun and did not end has left its copies in a state that nobody knows: it is
/// never taken again. One that ended says once more what it said.
struct RehearsalTurns {
  let folder: String

  /// How a turn left the rehearsal.
  private struct Record: Codable {
    var memory: RehearsalMemory
    /// The visit that it waits for; nil when it is judged.
    var request: VisitRequest?
    var result: StepResult
  }

  /// What there is for a turn to begin with.
  enum Entry {
    /// The turn was taken before, and said this.
    case ended(StepResult)
    case goesOn(RehearsalMemory, after: VisitRequest)
  }

  /// Forgets every other rehearsal.
  func begin(_ generation: String) throws(StepFailure) {
    try BackupDirectory(path: folder).prepare()
    for name in FilePath.names(in: folder) ?? [] where Self.isOurs(name) {
      FileStream.remove("\(folder)/\(name)")
    }
  }

  /// Begins a turn, once.
  ///
  /// - Throws: `RehearsalSpoiled` when the turn before left nothing, or this one was cut off.
  func enter(_ turn: Int, of generation: String) throws(StepFailure) -> Entry {
    if let record = try record(turn, generation) { return .ended(record.result) }
    guard let before = try record(turn - 1, generation), let request = before.request else {
      throw .rehearsalSpoiled("turn \(turn) finds nothing of the one before")
    }
    let mark = "\(path(turn, generation)).begun"
    guard !FilePath.exists(mark) else {
      throw .rehearsalSpoiled("turn \(turn) was begun and did not end")
    }
    try FileStream.replace(mark, with: [])
    return .goesOn(before.memory, after: request)
  }

  /// Keeps what a turn came to.
  func end(
    _ turn: Int, with result: StepResult, _ memory: RehearsalMemory,
    waitingFor request: VisitRequest?
  ) throws(StepFailure) {
    let record = Record(memory: memory, request: request, result: result)
    // Numbers, texts and lists of them: nothing that JSON has no form for.
    let bytes = (try? JSONEncoder().encode(record)).map { Array($0) } ?? []
    try FileStream.replace("\(path(turn, memory.generation)).json", with: bytes)
  }

  private func record(_ turn: Int, _ generation: String) throws(StepFailure) -> Record? {
    let file = "\(path(turn, generation)).json"
    guard let bytes = try FileStream.read(file, sizeMax: Self.sizeMax) else { return nil }
    guard let record = try? JSONDecoder().decode(Record.self, from: Data(bytes)) else {
      throw .rehearsalSpoiled("\(file) holds nothing that this version understands")
    }
    return record
  }

  /// Bytes of a record: two catalogues of a large database are a few million.
  private static let sizeMax = 268_435_456

  private func path(_ turn: Int, _ generation: String) -> String {
    // It comes from an order, and is to lead nowhere else.
    let plain = generation.filter { $0.isASCII && ($0.isLetter || $0.isNumber) }
    return "\(folder)/turn-\(plain)-\(turn)"
  }

  private static func isOurs(_ name: String) -> Bool { name.hasPrefix("turn-") }
}
