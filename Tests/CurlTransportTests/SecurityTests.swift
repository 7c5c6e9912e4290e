import CurlTransport
import Glibc
import Testing
import WindlassCore
import WindlassWire

/// What a transport trusts and shows, with the `openssl` program as the other side.
@Suite(.enabled(if: TLSServer.isAvailable, "the openssl program is not installed"))
struct SecurityTests {
  private func bytes(_ path: String) -> [UInt8] {
    Array((lines(of: path).joined(separator: "\n") + "\n").utf8)
  }

  /// A client certificate that the server's authority has signed.
  private func identity(_ bench: Workbench) throws -> HTTPSecurity.Identity {
    try bench.run([
      "openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
      "-keyout", "client.key", "-out", "client.csr", "-subj", "/O=operators/CN=windlass",
    ])
    try bench.run([
      "openssl", "x509", "-req", "-in", "client.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
      "-CAcreateserial", "-out", "client.pem", "-days", "2",
    ])
    return HTTPSecurity.Identity(
      certificate: bytes("\(bench.path)/client.pem"),
      key: Secret(String(decoding: bytes("\(bench.path)/client.key"), as: UTF8.self)))
  }

  /// A server that wants a certificate of its authority.
  private func demandingServer() async throws -> TLSServer {
    try await TLSServer(
      certificate: .valid,
      options: ["-Verify", "2", "-verify_return_error", "-CAfile", "ca.pem"])
  }

  @Test func `an authority may come as text instead of a file`() async throws {
    let server = try await TLSServer(certificate: .valid)
    let transport = try CurlTransport(
      security: HTTPSecurity(authorities: .pem(bytes(server.authority))))
    let reply = try await transport.send(HTTPRequest(url: server.url), limits: .test())
    #expect(reply.status == 200)
  }

  @Test func `an authority's text replaces those of the system, and an empty one trusts nobody`()
    async throws
  {
    let server = try await TLSServer(certificate: .valid)
    let other = try await TLSServer(certificate: .valid)
    for text in [bytes(other.authority), [], Array("no certificate".utf8)] {
      let transport = try CurlTransport(security: HTTPSecurity(authorities: .pem(text)))
      #expect(await transport.failure(of: server.url)?.code == .tlsRefused)
    }
  }

  @Test func `a client certificate is shown to a server that wants one`() async throws {
    let server = try await demandingServer()
    let transport = try CurlTransport(
      security: HTTPSecurity(
        authorities: .file(server.authority), identity: try identity(server.workbench)))
    let reply = try await transport.send(HTTPRequest(url: server.url), limits: .test())
    #expect(reply.status == 200)
  }

  @Test func `without a client certificate that server answers nothing`() async throws {
    let server = try await demandingServer()
    let transport = try CurlTransport(certificateAuthorities: server.authority)
    #expect(await transport.failure(of: server.url) != nil)
  }

  @Test func `a key that is none is an error, and is not shown`() async throws {
    let server = try await demandingServer()
    var shown = try identity(server.workbench)
    shown.key = Secret("hunter2")
    let transport = try CurlTransport(
      security: HTTPSecurity(authorities: .file(server.authority), identity: shown))
    let failure = await transport.failure(of: server.url)
    #expect(failure?.code == .tlsRefused)
    #expect(failure?.message.contains("hunter2") == false)
  }

  @Test(arguments: [TLSServer.Certificate.otherHost, .expired, .selfSigned])
  func `only who wrote so reaches a server that can't be verified`(
    certificate: TLSServer.Certificate
  ) async throws {
    let server = try await TLSServer(certificate: certificate)
    let transport = try CurlTransport(security: HTTPSecurity(verifiesServer: false))
    let reply = try await transport.send(HTTPRequest(url: server.url), limits: .test())
    #expect(reply.status == 200)
  }

  @Test func `a proxy that is named is asked, and only then`() async throws {
    let proxy = try RawServer { peer in
      while peer.request() != nil { peer.reply(body: Array("from the proxy".utf8)) }
    }
    defer { proxy.stop() }
    let transport = try CurlTransport(security: HTTPSecurity(proxy: Secret(proxy.url())))
    let reply = try await transport.send(
      HTTPRequest(url: "http://cluster.invalid/version"), limits: .test())
    #expect(String(decoding: reply.body, as: UTF8.self) == "from the proxy")
    #expect(proxy.requests.first?.hasPrefix("GET http://cluster.invalid/version") == true)
    let direct = try CurlTransport()
    #expect(await direct.failure(of: "http://cluster.invalid/version")?.code == .unresolved)
  }
}

/// Many requests over one connection, with `nghttpd` as the other side.
@Suite(.enabled(if: HTTP2Server.isAvailable, "the nghttpd program is not installed"))
struct MultiplexTests {
  private func transport(_ server: HTTP2Server, multiplexes: Bool) throws -> CurlTransport {
    try CurlTransport(
      security: HTTPSecurity(
        authorities: .file("\(server.workbench.path)/cert.pem"), multiplexes: multiplexes))
  }

  @Test func `many requests at a time share one connection`() async throws {
    let server = try await HTTP2Server()
    let transport = try transport(server, multiplexes: true)
    let url = server.url
    try await withThrowingTaskGroup(of: HTTPResponse.self) { group in
      for number in 0..<60 {
        group.addTask {
          try await transport.send(
            HTTPRequest(url: "\(url)hello.txt?\(number)"), limits: .test())
        }
      }
      for try await reply in group {
        #expect(reply.status == 200)
        #expect(reply.body == Array("hello\n".utf8))
      }
    }
    #expect(server.connections == 1)
  }

  @Test func `a refusal over HTTP 2 has its status, headers and body`() async throws {
    let server = try await HTTP2Server()
    let transport = try transport(server, multiplexes: true)
    let reply = try await transport.send(
      HTTPRequest(url: "\(server.url)missing"), limits: .test())
    #expect(reply.status == 404)
    #expect(reply.header("Server")?.contains("nghttpd") == true)
    #expect(!reply.body.isEmpty)
  }

  @Test func `a stream over HTTP 2 arrives in pieces and whole`() async throws {
    let server = try await HTTP2Server()
    let transport = try transport(server, multiplexes: true)
    let pieces = Pieces()
    let reply = try await transport.stream(
      HTTPRequest(url: "\(server.url)large.bin"), limits: .test(8_000_000)
    ) { pieces.append($0) }
    #expect(reply.status == 200)
    #expect(pieces.bytes.count == HTTP2Server.largeSize)
  }
}

/// `nghttpd` with a certificate of its own.
struct HTTP2Server {
  static let largeSize = 2_000_000
  private static let program = "/usr/sbin/nghttpd"

  let workbench: Workbench
  let url: String

  static var isAvailable: Bool { access(program, X_OK) == 0 && TLSServer.isAvailable }

  init() async throws {
    workbench = try Workbench()
    try workbench.run([
      "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
      "-keyout", "key.pem", "-out", "cert.pem", "-days", "2", "-subj", "/CN=test",
      "-addext", "subjectAltName=IP:127.0.0.1",
    ])
    try workbench.write("hello\n", to: "hello.txt")
    try workbench.write(String(repeating: "x", count: HTTP2Server.largeSize), to: "large.bin")
    let process = try workbench.start(
      [HTTP2Server.program, "-v", "-a", "127.0.0.1", "-d", ".", "0", "key.pem", "cert.pem"],
      output: "server.log")
    var port: UInt16 = 0
    let isListening = await eventually {
      port = listeningPort(of: process) ?? 0
      return port != 0
    }
    guard isListening else { throw TestFailure(step: "nghttpd") }
    url = "https://127.0.0.1:\(port)/"
  }

  /// Connections that were made so far, by the numbers that the log gives them.
  var connections: Int {
    var found: Set<Substring> = []
    guard let file = fopen("\(workbench.path)/server.log", "r") else { return 0 }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 4_096)
    while fgets(&line, Int32(line.count), file) != nil {
      let text = String(
        decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      guard let start = text.firstRange(of: "[id=") else { continue }
      found.insert(text[start.upperBound...].prefix { $0 != "]" })
    }
    return found.count
  }
}

/// The TCP port that a process listens on, from the kernel's tables: it was chosen there.
func listeningPort(of process: pid_t) -> UInt16? {
  guard let directory = opendir("/proc/\(process)/fd") else { return nil }
  defer { closedir(directory) }
  var sockets: Set<String> = []
  while let entry = readdir(directory) {
    let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
      pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
    }
    var target = [CChar](repeating: 0, count: 256)
    let count = readlink("/proc/\(process)/fd/\(name)", &target, 255)
    guard count > 0 else { continue }
    let link = String(decoding: target.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    if link.hasPrefix("socket:[") { sockets.insert(String(link.dropFirst(8).dropLast())) }
  }
  for line in lines(of: "/proc/net/tcp") {
    let fields = line.split(separator: " ")
    // Local address, …, state (0A listens), …, inode.
    guard fields.count > 9, fields[3] == "0A", sockets.contains(String(fields[9])),
      let port = fields[1].split(separator: ":").last
    else { continue }
    return UInt16(port, radix: 16)
  }
  return nil
}
