import Testing
import WindlassCore

@testable import KubernetesFleet

/// Plug-ins as real programs.
struct PluginProcessTests {
  private let surroundings = ["PATH": "/usr/bin:/bin", "HOME": "/root", "BEACON_DB": "hunter2"]

  private func run(
    _ script: String, arguments: [String] = [], environment: [Kubeconfig.Variable] = [],
    deadline: Interval = .seconds(60)
  ) async throws -> String {
    let folder = try Folder()
    let path = try folder.write(script, to: "plugin", mode: 0o700)
    var plugin = Kubeconfig.Plugin(
      apiVersion: "client.authentication.k8s.io/v1", command: path)
    plugin.arguments = arguments
    plugin.environment = environment
    let runner = PluginProcess(environment: surroundings, deadline: deadline)
    let output = try await runner.run(plugin, information: "{\"kind\":\"ExecCredential\"}")
    withExtendedLifetime(folder) {}
    return String(decoding: output, as: UTF8.self)
  }

  @Test func `a script gets its arguments, its variables and the question`() async throws {
    let output = try await run(
      "#!/bin/sh\necho \"$1|$PROFILE|$KUBERNETES_EXEC_INFO\"", arguments: ["get"],
      environment: [.init(name: "PROFILE", value: Secret("prod"))])
    #expect(output == "get|prod|{\"kind\":\"ExecCredential\"}\n")
  }

  @Test func `nothing of our surroundings passes but what it needs`() async throws {
    let output = try await run("#!/bin/sh\nenv")
    #expect(output.contains("HOME=/root"))
    #expect(!output.contains("hunter2"))
  }

  @Test func `there is no terminal to ask at, and no input`() async throws {
    #expect(try await run("#!/bin/sh\nread line; echo \"got:$line\"") == "got:\n")
  }

  @Test func `much output arrives whole`() async throws {
    #expect(try await run("#!/bin/sh\nhead -c 300000 /dev/zero | tr '\\0' x").utf8.count == 300_000)
  }

  @Test func `a failure tells the status and the last complaint`() async {
    let error = await #expect(throws: AccessError.self) {
      try await run("#!/bin/sh\necho secret-output\necho no session >&2\nexit 3")
    }
    #expect(error?.code == .pluginFailed)
    #expect(error?.message.contains("status 3: no session") == true)
    #expect(error?.message.contains("secret-output") == false)
  }

  @Test func `one that does not end is killed with what it started`() async throws {
    let error = await #expect(throws: AccessError.self) {
      try await run("#!/bin/sh\nsleep 600 & sleep 600", deadline: .milliseconds(300))
    }
    #expect(error?.message.contains("was killed") == true)
  }

  @Test func `too much output is refused`() async {
    let error = await #expect(throws: AccessError.self) { try await run("#!/bin/sh\nyes") }
    #expect(error?.message.contains("prints more than") == true)
  }

  @Test func `a program that is not there is told with its hint`() async {
    var plugin = Kubeconfig.Plugin(
      apiVersion: "client.authentication.k8s.io/v1", command: "no-such-plugin")
    plugin.installHint = "Install it from example.com"
    let missing = plugin
    let error = await #expect(throws: AccessError.self) {
      try await PluginProcess(environment: surroundings).run(missing, information: "{}")
    }
    #expect(error?.message.contains("not in PATH") == true)
    #expect(error?.message.contains("Install it from example.com") == true)
  }

  @Test func `a bare name is found in PATH`() async throws {
    let plugin = Kubeconfig.Plugin(
      apiVersion: "client.authentication.k8s.io/v1", command: "true")
    let output = try await PluginProcess(environment: surroundings).run(plugin, information: "{}")
    #expect(output.isEmpty)
  }
}
