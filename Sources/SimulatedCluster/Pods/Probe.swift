import KubernetesFleet
import NIOCore
import NIOPosix
import WindlassCore
import WindlassWire

/// One probe of a container: what is asked, how often, and how many answers count.
struct Probe: Sendable {
  /// What is asked.
  enum Question: Hashable, Sendable {
    case http(host: String, port: Int, path: String, headers: [HTTPHeader])
    case connection(host: String, port: Int)
    case command([String])
  }

  var question: Question
  var initialDelay: Interval
  var period: Interval
  var timeout: Interval
  var successes: Int64
  var failures: Int64
  /// The time between the signals when this probe ends the container; nil for the pod's own.
  var grace: Interval?

  /// Reads a probe; nil for none, or for one that asks what this node can't.
  init?(_ spec: JSONValue?, of container: JSONValue, address: String) {
    guard let spec, let question = Self.question(spec, container, address) else { return nil }
    let number = { (name: String, usual: Int64) in spec[name]?.integer ?? usual }
    self.question = question
    initialDelay = .seconds(number("initialDelaySeconds", 0))
    period = .seconds(max(1, number("periodSeconds", 10)))
    timeout = .seconds(max(1, number("timeoutSeconds", 1)))
    successes = max(1, number("successThreshold", 1))
    failures = max(1, number("failureThreshold", 3))
    grace = spec["terminationGracePeriodSeconds"]?.integer.map(Interval.seconds)
  }

  /// What a probe or a hook asks.
  static func question(
    _ spec: JSONValue, _ container: JSONValue, _ address: String
  ) -> Question? {
    let host = { (value: JSONValue) in value.text("host").isEmpty ? address : value.text("host") }
    if let get = spec["httpGet"], let port = port(get["port"], container) {
      let path = get.text("path")
      let headers = get.list("httpHeaders").map { HTTPHeader($0.text("name"), $0.text("value")) }
      return .http(
        host: host(get), port: port, path: path.hasPrefix("/") ? path : "/\(path)",
        headers: headers)
    }
    if let socket = spec["tcpSocket"], let port = port(socket["port"], container) {
      return .connection(host: host(socket), port: port)
    }
    if let exec = spec["exec"] { return .command(exec.texts("command")) }
    return nil
  }

  /// The number of a port that is given by number or by name.
  private static func port(_ value: JSONValue?, _ container: JSONValue) -> Int? {
    if let number = value?.integer { return Int(number) }
    guard let name = value?.string else { return nil }
    return container.list("ports").first { $0.text("name") == name }?["containerPort"]?.integer
      .map { Int($0) } ?? Int(name)
  }
}

/// Asks over the network for probes and hooks.
enum ProbeNetwork {
  /// Whether a connection can be made.
  static func connects(host: String, port: Int, timeout: Interval) async -> Bool {
    guard let channel = try? await connect(host, port, timeout) else { return false }
    try? await channel.close().get()
    return true
  }

  /// The status of the answer to a GET; nil when none came in time.
  static func status(
    host: String, port: Int, path: String, headers: [HTTPHeader], timeout: Interval
  ) async -> Int? {
    await withTaskGroup(of: Int?.self) { group in
      group.addTask {
        try? await Task.sleep(for: .milliseconds(timeout.milliseconds))
        return nil
      }
      group.addTask { try? await ask(host, port, path, headers, timeout) }
      let first = await group.next() ?? nil
      group.cancelAll()
      return first
    }
  }

  private typealias Stream = NIOAsyncChannel<ByteBuffer, ByteBuffer>

  private static func connect(
    _ host: String, _ port: Int, _ timeout: Interval
  ) async throws -> any Channel {
    try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
      .connectTimeout(.milliseconds(timeout.milliseconds)).connect(host: host, port: port).get()
  }

  private static func ask(
    _ host: String, _ port: Int, _ path: String, _ headers: [HTTPHeader], _ timeout: Interval
  ) async throws -> Int? {
    let stream = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
      .connectTimeout(.milliseconds(timeout.milliseconds))
      .connect(host: host, port: port) { channel in
        channel.eventLoop.makeCompletedFuture { try Stream(wrappingChannelSynchronously: channel) }
      }
    return try await stream.executeThenClose { inbound, outbound in
      var lines = ["GET \(path) HTTP/1.1"]
      if !headers.contains(where: { $0.name.lowercased() == "host" }) {
        lines.append("Host: \(host):\(port)")
      }
      lines += ["User-Agent: kube-probe/1.36", "Accept: */*", "Connection: close"]
      lines += headers.map { "\($0.name): \($0.value)" }
      let text = lines.joined(separator: "\r\n") + "\r\n\r\n"
      try await outbound.write(ByteBuffer(string: text))
      var answer = ""
      for try await piece in inbound {
        answer += String(buffer: piece)
        // The status stands in the first line: `HTTP/1.1 200 OK`.
        guard answer.utf8.contains(UInt8(ascii: "\n")) else { continue }
        return answer.split(separator: " ").dropFirst().first.flatMap { Int($0.prefix(3)) }
      }
      return nil
    }
  }
}
