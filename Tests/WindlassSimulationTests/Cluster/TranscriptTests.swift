import Foundation
import Testing
import WindlassWire

/// The simulated server answers as the real one did, request by request.
struct TranscriptTests {
  @Test(arguments: Transcript.names)
  func `every step is answered as recorded`(_ name: String) throws {
    var replay = try TranscriptReplay(name)
    replay.run()
    let isTold = ProcessInfo.processInfo.environment["WINDLASS_TRANSCRIPTS"] != nil
    for (index, found) in replay.differences.sorted(by: { $0.key < $1.key }) {
      if isTold { print("\(name)#\(index):\n  " + found.joined(separator: "\n  ")) }
      Issue.record("\(name)#\(index): \(found.prefix(5).joined(separator: "; "))")
    }
  }

  @Test func `every recording is here`() {
    #expect(Transcript.names.count == 22)
  }

  @Test func `the guide tells how many steps each recording has`() throws {
    let guide = Transcript.folder.deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("docs/simulated-cluster.md")
    let text = try String(contentsOf: guide, encoding: .utf8)
    for name in Transcript.names {
      let count = try Transcript(name).steps.count
      let row = "| \(name) | \(count) |"
      #expect(text.contains(row), "the row should be: \(row)")
    }
  }
}
