import Foundation
import Testing
import WindlassWire

/// The simulated server answers as the real one did, request by request.
struct TranscriptTests {
  /// Steps that are not met yet, by the name of their recording; `*` for a whole recording.
  private static let unmet = try? Transcript.json("unmet")

  @Test(arguments: Transcript.names)
  func `every step is answered as recorded, but for those that are listed`(
    _ name: String
  ) throws {
    let listed = Set((Self.unmet?[name]?.array ?? []).compactMap(\.integer).map(Int.init))
    var replay = try TranscriptReplay(name)
    replay.run()
    let isTold = ProcessInfo.processInfo.environment["WINDLASS_TRANSCRIPTS"] != nil
    for (index, found) in replay.differences.sorted(by: { $0.key < $1.key }) {
      if isTold { print("\(name)#\(index):\n  " + found.joined(separator: "\n  ")) }
      if !listed.contains(index) {
        Issue.record("\(name)#\(index): \(found.prefix(5).joined(separator: "; "))")
      }
    }
    if isTold { print("UNMET \(name) \(replay.differences.keys.sorted())") }
    for index in listed where replay.differences[index] == nil {
      Issue.record("\(name)#\(index) is met now; take it out of unmet.json")
    }
  }

  @Test func `a recording that is not begun is not here, and every other one is`() throws {
    let unmet = try #require(Self.unmet?.object)
    let notBegun = unmet.filter { $0.value == ["*"] }.map(\.name)
    #expect(Set(notBegun).isDisjoint(with: Transcript.names))
    for entry in unmet where entry.value != ["*"] {
      #expect(Transcript.names.contains(entry.name))
    }
    #expect(Set(notBegun).union(Transcript.names).count == 22)
  }

  @Test func `the guide tells how many steps of each recording are met`() throws {
    let guide = Transcript.folder.deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("docs/simulated-cluster.md")
    let text = try String(contentsOf: guide, encoding: .utf8)
    for name in Transcript.names {
      let count = try Transcript(name).steps.count
      let unmet = Self.unmet?[name]?.array?.count ?? 0
      let row = "| \(name) | \(count - unmet) of \(count) |"
      #expect(text.contains(row), "the row should be: \(row)")
    }
  }
}
