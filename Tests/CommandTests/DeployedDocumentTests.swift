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
    let services = try ConfigurationFile.load(path)
    #expect(services.map(\.name) == ["beacon"])
    #expect(services.first?.fleet.replicas == 3)
    #expect(services.first?.rollout.soak == .minutes(10))
  }
}
