import ArgumentParser
import Testing
import WindlassCore

@testable import windlass

/// What `windlass operator` understands, before it asks any cluster.
struct OperatorCommandTests {
  private static let image = "registry.example/windlass@sha256:" + String(repeating: "0", count: 64)

  @Test func `the help is the recorded one`() throws {
    try expectGolden(OperatorCommand.helpMessage(columns: 80) + "\n", "operator-help.txt")
  }

  @Test(arguments: [
    (["--image", "registry.example/windlass:1.0"], "has no digest"),
    ([], "--image"),
    (["--image", image, "--namespace", "shop", "--all-namespaces"], "exclude each other"),
    (["--image", image, "--log-level", "loud"], "write one of trace"),
    (["--image", image, "--lease-name", "Windlass"], "no name of an object"),
    (["--image", image, "--namespace", "a/b"], "no name of an object"),
    (["--image", image, "--listen", "localhost:80"], "--listen \"localhost:80\" is no address"),
    (["--image", image, "--listen", "127.0.0.1:0"], "--listen \"127.0.0.1:0\" is no address"),
  ])
  func `wrong usage is told by name`(words: [String], message: String) {
    let error = #expect(throws: (any Error).self) { try OperatorCommand.parse(words) }
    let text = error.map { OperatorCommand.fullMessage(for: $0) } ?? ""
    #expect(text.contains(message), "\(text)")
  }

  @Test func `a kubeconfig that is not there is told, and is no cluster that is down`() async throws
  {
    let command = try OperatorCommand.parse([
      "--image", Self.image, "--kubeconfig", "/nowhere/kubeconfig",
    ])
    let capture = try Capture()
    let failure = await #expect(throws: CommandFailure.self) {
      _ = try await command.perform(capture.output)
    }
    #expect(failure?.status == .usage)
    #expect(failure?.message.contains("There is no kubeconfig at /nowhere/kubeconfig") == true)
  }
}
