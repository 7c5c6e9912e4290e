import Synchronization
import Testing
import WindlassCore
import WindlassWire

@testable import KubernetesFleet

/// Tokens, files of tokens, and programs that give credentials.
struct CredentialsTests {
  private let clock = ManualClock()

  private func credentials(
    _ user: Kubeconfig.User, runner: any PluginRunner = NoPlugins()
  ) throws -> Credentials {
    var config = try Kubeconfig.test()
    config.users["test"] = user
    return Credentials(try ClusterAccess(config), clock: clock, runner: runner)
  }

  private func plugin(_ version: String = "client.authentication.k8s.io/v1") -> Kubeconfig.User {
    var user = Kubeconfig.User()
    user.plugin = Kubeconfig.Plugin(apiVersion: version, command: "signin")
    return user
  }

  @Test func `a token is never shown`() async throws {
    var user = Kubeconfig.User()
    user.token = Secret("hunter2")
    let credential = try await credentials(user).current()
    #expect(credential.token?.reveal() == "hunter2")
    #expect(!"\(credential)".contains("hunter2"))
  }

  @Test func `a token that would end its header is refused`() async throws {
    var user = Kubeconfig.User()
    user.token = Secret("a\r\nX-Evil: 1")
    let kept = try credentials(user)
    let error = await #expect(throws: AccessError.self) { try await kept.current() }
    #expect(error?.message.contains("Evil") == false)
  }

  @Test func `a file of tokens is read again after a minute`() async throws {
    let folder = try Folder()
    var user = Kubeconfig.User()
    user.tokenFile = try folder.write("first\n", to: "token")
    let kept = try credentials(user)
    #expect(try await kept.current().token?.reveal() == "first")
    try folder.write("second\n", to: "token")
    clock.advance(by: .seconds(59))
    #expect(try await kept.current().token?.reveal() == "first")
    clock.advance(by: .seconds(2))
    #expect(try await kept.current().token?.reveal() == "second")
  }

  @Test func `a file that is just being replaced costs nothing while the old token holds`()
    async throws
  {
    let folder = try Folder()
    var user = Kubeconfig.User()
    user.tokenFile = try folder.write("first\n", to: "token")
    let kept = try credentials(user)
    _ = try await kept.current()
    try folder.write("", to: "token")
    clock.advance(by: .minutes(2))
    #expect(try await kept.current().token?.reveal() == "first")
    await kept.reject(Credential(token: Secret("first")))
    await #expect(throws: AccessError.self) { try await kept.current() }
    try folder.write("second", to: "token")
    #expect(try await kept.current().token?.reveal() == "second")
  }

  @Test func `a plug-in is asked once until its credentials are about to expire`() async throws {
    let runner = FakePlugins { count in
      [
        "token": .string("token-\(count)"), "expirationTimestamp": .string("2027-01-15T08:05:00Z"),
      ]
    }
    let kept = try credentials(plugin(), runner: runner)
    #expect(try await kept.current().token?.reveal() == "token-1")
    clock.advance(by: .seconds(280))
    #expect(try await kept.current().token?.reveal() == "token-1")
    clock.advance(by: .seconds(11))
    #expect(try await kept.current().token?.reveal() == "token-2")
  }

  @Test func `what the server turned down is replaced, and only that`() async throws {
    let runner = FakePlugins { ["token": .string("token-\($0)")] }
    let kept = try credentials(plugin(), runner: runner)
    let first = try await kept.current()
    await kept.reject(first)
    let second = try await kept.current()
    #expect(second.token?.reveal() == "token-2")
    // A late refusal of the first one says nothing about the second.
    await kept.reject(first)
    #expect(try await kept.current() == second)
  }

  @Test func `many who ask at once start one program`() async throws {
    let runner = FakePlugins { ["token": .string("token-\($0)")] }
    let kept = try credentials(plugin(), runner: runner)
    try await withThrowingTaskGroup(of: String?.self) { group in
      for _ in 0..<20 { group.addTask { try await kept.current().token?.reveal() } }
      for try await token in group { #expect(token == "token-1") }
    }
    #expect(runner.questions.count == 1)
  }

  @Test func `a plug-in is told what the protocol says`() async throws {
    let runner = FakePlugins { _ in ["token": "t"] }
    var user = plugin()
    user.plugin?.wantsClusterInfo = true
    _ = try await credentials(user, runner: runner).current()
    let question = try JSONValue.parse(try #require(runner.questions.first).utf8)
    #expect(question["apiVersion"] == "client.authentication.k8s.io/v1")
    #expect(question["kind"] == "ExecCredential")
    #expect(question.value(at: "/spec/interactive") == false)
    #expect(question.value(at: "/spec/cluster/server") == "https://cluster.example:6443")
  }

  @Test func `a plug-in may give a client certificate`() async throws {
    let runner = FakePlugins { _ in
      ["clientCertificateData": "CERT", "clientKeyData": "KEY"]
    }
    let credential = try await credentials(plugin(), runner: runner).current()
    #expect(
      credential.identity
        == HTTPSecurity.Identity(certificate: Array("CERT".utf8), key: Secret("KEY")))
  }

  /// What a program may print that is no answer; the whole ones differ in version and status.
  private static let noAnswers: [String] =
    ["{}", "not JSON with hunter2", #"{"kind":"ExecCredential"}"#]
    + [
      ("v1beta1", #"{"token":"hunter2"}"#), ("v1", "null"), ("v1", "{}"),
      ("v1", #"{"clientKeyData":"hunter2"}"#),
      ("v1", #"{"token":"hunter2","expirationTimestamp":"soon"}"#),
      ("v1", #"{"token":"hunter2","expirationTimestamp":"2020-01-01T00:00:00Z"}"#),
    ].map { version, status in
      #"{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/"#
        + "\(version)\",\"status\":\(status)}"
    }

  @Test(arguments: noAnswers)
  func `an answer that is none is refused and not shown`(output: String) async throws {
    let runner = FakePlugins(output: Array(output.utf8))
    let kept = try credentials(plugin(), runner: runner)
    let error = await #expect(throws: AccessError.self) { try await kept.current() }
    #expect(error?.code == .pluginFailed)
    #expect(error?.message.contains("hunter2") == false)
  }

  @Test func `an unknown version and a wish for a terminal are refused`() async throws {
    let old = try credentials(plugin("client.authentication.k8s.io/v1alpha1"))
    let version = await #expect(throws: AccessError.self) { try await old.current() }
    #expect(version?.code == .unsupported)
    var user = plugin()
    user.plugin?.interactiveMode = "Always"
    let talkative = try credentials(user)
    let mode = await #expect(throws: AccessError.self) { try await talkative.current() }
    #expect(mode?.code == .unsupported)
  }
}

/// Answers as a test says, and keeps what was asked.
final class FakePlugins: PluginRunner {
  private let asked = Mutex<[String]>([])
  private let answer: @Sendable (Int) -> [UInt8]

  init(_ status: @escaping @Sendable (Int) -> JSONValue) {
    answer = { count in
      JSONValue.object([
        JSONMember("apiVersion", "client.authentication.k8s.io/v1"),
        JSONMember("kind", "ExecCredential"), JSONMember("status", status(count)),
      ]).bytes
    }
  }

  init(output: [UInt8]) { answer = { _ in output } }

  var questions: [String] { asked.withLock { $0 } }

  func run(
    _ plugin: Kubeconfig.Plugin, information: String
  ) async throws(AccessError) -> [UInt8] {
    let count = asked.withLock { asked in
      asked.append(information)
      return asked.count
    }
    for _ in 0..<5 { await Task.yield() }
    return answer(count)
  }
}
