import Foundation
import Testing
import WindlassCore

@testable import windlass

/// Documents under `deploy/` are what the daemon accepts.
@Suite struct DeployedDocumentTests {
  @Test func `the example document is read whole`() throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
    let path = root.appendingPathComponent("deploy/examples/beacon.yaml").path
    let folder = try TemporaryFolder()
    let url = folder.path + "/database-url"
    try "sqlite:///var/lib/beacon/beacon.db\n".write(toFile: url, atomically: true, encoding: .utf8)
    // Only the file with the database's URL is another one than on a real machine.
    let text = try String(contentsOfFile: path, encoding: .utf8)
      .replacing("/etc/beacon/database-url", with: url)
    let services = try ConfigurationFile.parse(text, file: path)
    #expect(services.map(\.name) == ["beacon"])
    #expect(services.first?.fleet.replicas == 3)
    #expect(services.first?.rollout.soak == .minutes(10))
  }
}
