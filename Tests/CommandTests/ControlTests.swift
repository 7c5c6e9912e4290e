import Foundation
import Testing
import WindlassCore
import WindlassWire

@testable import windlass

@Suite struct ControlTests {
  let folder: TemporaryFolder
  let directory: StateDirectory

  init() throws {
    folder = try TemporaryFolder()
    directory = StateDirectory(folder.path)
  }

  @Test func `a request reaches the daemon with its user, and the answer comes back`() async throws
  {
    let request = ControlRequest(
      command: .confirmDead, service: "beacon",
      arguments: ["instance": "beacon-7", "reason": "näh\n\u{0}"])
    let response = try await serving { request in
      ControlResponse(
        status: .pending, message: "\(request.peer)", body: ["got": request.arguments["reason"]!])
    } body: {
      try await ask(request)
    }
    #expect(
      response
        == ControlResponse(
          status: .pending, message: "\(geteuid())", body: ["got": "näh\n\u{0}"]))
  }

  @Test func `many ask at once, and each gets its own answer`() async throws {
    try await serving(echo) { () async throws in
      let answers = try await withThrowingTaskGroup(of: Int64?.self) { group in
        for number in 1...40 {
          group.addTask {
            try await ask(
              ControlRequest(command: .history, arguments: ["limit": .integer(Int64(number))])
            ).body["limit"]?.integer
          }
        }
        return try await group.reduce(into: Set<Int64?>()) { $0.insert($1) }
      }
      #expect(answers == Set((1...40).map { Int64($0) }))
    }
  }

  @Test func `one who says nothing holds nobody up`() async throws {
    try await serving(echo) { () async throws in
      let silent = try UnixSocket.make()
      try silent.connect(to: directory.controlSocket, until: .now + .seconds(30))
      #expect(try await ask(ControlRequest(command: .status, arguments: [:])).status == .done)
      withExtendedLifetime(silent) {}
    }
  }

  @Test(arguments: [
    "hello", "{}", "[]", "{\"version\":2,\"command\":\"status\",\"arguments\":{}}",
    "{\"version\":1,\"command\":\"reboot\",\"arguments\":{}}",
    "{\"version\":1,\"command\":\"status\"}", "",
  ])
  func `a line that is no request is answered with what is wrong`(line: String) async throws {
    try await serving { _ in
      Issue.record("the line was taken for a request")
      return ControlResponse(status: .done, message: "", body: .null)
    } body: {
      let answer = try await onThread { [directory] in
        let socket = try UnixSocket.make()
        let deadline = ContinuousClock.now + .seconds(30)
        try socket.connect(to: directory.controlSocket, until: deadline)
        try socket.write(Array((line + "\n").utf8), until: deadline)
        return try ControlProtocol.response(socket.readLine(sizeMax: 10_000, until: deadline))
      }
      #expect(answer.status == .usage)
      #expect(answer.message.hasPrefix("The daemon did not understand: "))
    }
  }

  @Test func `only the owner may open the socket, and it goes with the daemon`() async throws {
    try await serving(echo) { () async throws in
      let attributes = try FileManager.default.attributesOfItem(atPath: directory.controlSocket)
      #expect(attributes[.posixPermissions] as? Int == 0o600)
    }
    #expect(!FileManager.default.fileExists(atPath: directory.controlSocket))
  }

  @Test func `a socket that a killed daemon left is taken over`() async throws {
    let left = try UnixSocket.make()
    try left.listen(at: directory.controlSocket)
    try await serving(echo) { () async throws in
      #expect(try await ask(ControlRequest(command: .plan, arguments: [:])).status == .done)
    }
    withExtendedLifetime(left) {}
  }

  @Test func `without a daemon the error says how to start one`() throws {
    let failure = try #require(throws: CommandFailure.self) {
      try ControlClient(directory: directory).send(
        ControlRequest(command: .status, arguments: [:]))
    }
    #expect(failure.status == .failed && failure.code == "NoDaemon")
    #expect(failure.message.contains("windlass agent --config FILE --state \(folder.path)"))
  }

  @Test func `a path too long for a socket is refused by name`() throws {
    let long = folder.path + "/" + String(repeating: "x", count: 100)
    let failure = try #require(throws: CommandFailure.self) {
      try ControlServer(path: long, handler: echo)
    }
    #expect(failure.message.contains("bytes, and a socket's may have 107"))
  }

  private let echo: ControlServer.Answering = { request in
    ControlResponse(
      status: .done, message: request.command.rawValue,
      body: .object(request.arguments.map { JSONMember($0.key, $0.value) }))
  }

  private func serving<Result: Sendable>(
    _ handler: @escaping ControlServer.Answering, body: () async throws -> Result
  ) async throws -> Result {
    let server = try ControlServer(path: directory.controlSocket, handler: handler)
    return try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await server.run() }
      let result = try await body()
      group.cancelAll()
      try await group.waitForAll()
      return result
    }
  }

  private func ask(_ request: ControlRequest) async throws -> ControlResponse {
    let client = ControlClient(directory: directory)
    return try await onThread { try client.send(request) }
  }

  /// Runs blocking work outside the pool that the server needs.
  private func onThread<Result: Sendable>(
    _ body: @escaping @Sendable () throws -> Result
  ) async throws -> Result {
    try await withCheckedThrowingContinuation { continuation in
      Thread.detachNewThread { continuation.resume(with: Swift.Result { try body() }) }
    }
  }
}
