import CurlTransport
import Glibc
import Testing
import WindlassCore
import WindlassWire

/// Certificates, with the `openssl` program as the other side.
@Suite(.enabled(if: TLSServer.isAvailable, "the openssl program is not installed"))
struct TLSTests {
  @Test func `a certificate of a trusted authority for this host is accepted`() async throws {
    let server = try await TLSServer(certificate: .valid)
    let transport = try CurlTransport(certificateAuthorities: server.authority)
    let reply = try await transport.send(HTTPRequest(url: server.url), limits: .test())
    #expect(reply.status == 200)
  }

  @Test(arguments: [TLSServer.Certificate.otherHost, .expired, .selfSigned])
  func `a wrong certificate is refused`(certificate: TLSServer.Certificate) async throws {
    let server = try await TLSServer(certificate: certificate)
    let transport = try CurlTransport(certificateAuthorities: server.authority)
    let failure = await transport.failure(of: server.url)
    #expect(failure?.code == .tlsRefused)
  }

  @Test func `an authority that this machine does not trust is refused`() async throws {
    let server = try await TLSServer(certificate: .valid)
    #expect(try await CurlTransport().failure(of: server.url)?.code == .tlsRefused)
  }

  @Test func `an own authority replaces those of the system`() async throws {
    let server = try await TLSServer(certificate: .valid)
    let other = try await TLSServer(certificate: .valid)
    let transport = try CurlTransport(certificateAuthorities: other.authority)
    #expect(await transport.failure(of: server.url)?.code == .tlsRefused)
  }

  @Test func `a missing file of authorities is an error and no leave to trust`() async throws {
    let server = try await TLSServer(certificate: .valid)
    let transport = try CurlTransport(certificateAuthorities: "/nonexistent/authority.pem")
    #expect(await transport.failure(of: server.url)?.code == .tlsRefused)
  }

  @Test func `an old version of TLS is refused`() async throws {
    let server = try await TLSServer(
      certificate: .valid, options: ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"])
    let transport = try CurlTransport(certificateAuthorities: server.authority)
    #expect(await transport.failure(of: server.url)?.code == .tlsRefused)
  }

  @Test func `no TLS secrets are written to the file that the environment names`() async {
    await #expect(processExitsWith: .success) {
      let server = try await TLSServer(certificate: .valid)
      let path = "\(server.workbench.path)/secrets.log"
      setenv("SSLKEYLOGFILE", path, 1)
      let transport = try CurlTransport(certificateAuthorities: server.authority)
      let reply = try await transport.send(HTTPRequest(url: server.url), limits: .test())
      #expect(reply.status == 200)
      #expect(access(path, F_OK) != 0)
    }
  }
}

/// `openssl s_server` with a certificate of its own authority.
struct TLSServer {
  /// What is right or wrong with the certificate.
  enum Certificate: Sendable {
    case valid, otherHost, expired, selfSigned
  }

  let workbench: Workbench
  let url: String

  /// The file with the authority's certificate.
  var authority: String { "\(workbench.path)/ca.pem" }

  static var isAvailable: Bool { access("/usr/bin/openssl", X_OK) == 0 }

  init(certificate: Certificate, options: [String] = []) async throws {
    workbench = try Workbench()
    let workbench = workbench
    let newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    try workbench.run(
      ["openssl", "req", "-x509"] + newKey
        + ["-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=Test authority"])
    try workbench.run(
      ["openssl", "req"] + newKey
        + ["-keyout", "key.pem", "-out", "request.pem", "-subj", "/CN=test"])
    let host = certificate == .otherHost ? "DNS:other.example" : "IP:127.0.0.1"
    try workbench.write("subjectAltName=\(host)\n", to: "extensions")
    let signer =
      certificate == .selfSigned
      ? ["-signkey", "key.pem"] : ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"]
    try workbench.run(
      ["openssl", "x509", "-req", "-in", "request.pem", "-out", "certificate.pem"] + signer
        + ["-days", certificate == .expired ? "-1" : "2", "-extfile", "extensions"])
    try workbench.start(
      ["openssl", "s_server", "-accept", "127.0.0.1:0", "-www", "-cert", "certificate.pem"]
        + ["-key", "key.pem"] + options, output: "server.log")
    var address = ""
    let isListening = await eventually {
      let line = lines(of: "\(workbench.path)/server.log").first { $0.hasPrefix("ACCEPT ") }
      address = line.map { String($0.dropFirst("ACCEPT ".count)) } ?? ""
      return !address.isEmpty
    }
    guard isListening else { throw TestFailure(step: "openssl s_server") }
    url = "https://\(address)/"
  }
}
