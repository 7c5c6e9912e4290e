import Foundation
import ProcessFleet
import Testing
import WindlassCore
import Yams

@testable import windlass

/// Documents under `deploy/` are what the daemon accepts.
@Suite struct DeployedDocumentTests {
  private static func path(_ name: String) -> String {
    URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent(name).path
  }

  @Test func `the example document is read whole`() throws {
    let path = Self.path("deploy/examples/beacon.yaml")
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

  @Test func `the sidecar of the example takes its configuration`() throws {
    let path = Self.path("deploy/examples/kubernetes/sidecar.yaml")
    let objects = try Yams.load_all(yaml: String(contentsOfFile: path, encoding: .utf8))
      .compactMap { $0 as? [String: Any] }
    let map = try #require(objects.first { $0["kind"] as? String == "ConfigMap" })
    let data = try #require(map["data"] as? [String: String])
    // The key is for its reader to fill in, and the variable is the pod's.
    let text = try #require(data["service.yaml"])
      .replacing("REPLACE-ME", with: ConfigurationDocuments.publicKey)
      .replacing("BEACON_DB}\n    inject", with: "PATH}\n    inject")
    let services = try ConfigurationFile.parse(text, file: path)
    try LauncherPlace(folder: "/windlass/launcher", wake: .signal).check(services)
    let deployment = try #require(objects.first { $0["kind"] as? String == "Deployment" })
    let specification = try #require(deployment["spec"] as? [String: Any])
    #expect(specification["replicas"] as? Int == services.first?.fleet.replicas)
  }
}
