import Testing
import WindlassCore
import WindlassWire

@testable import CurlTransport

/// Which addresses may be connected to.
struct AddressTests {
  private static let classes: [(String, AddressClass)] = [
    ("8.8.8.8", .publicInternet), ("1.1.1.1", .publicInternet), ("172.15.0.1", .publicInternet),
    ("172.32.0.1", .publicInternet), ("100.63.0.1", .publicInternet),
    ("223.0.0.1", .publicInternet),
    ("100.128.0.1", .publicInternet), ("192.167.1.1", .publicInternet),
    ("10.0.0.1", .privateNetwork), ("172.16.0.1", .privateNetwork),
    ("172.31.255.255", .privateNetwork), ("192.168.1.1", .privateNetwork),
    ("100.64.0.1", .privateNetwork), ("100.100.100.200", .privateNetwork),
    ("169.254.169.254", .linkLocal), ("127.0.0.1", .loopback), ("127.255.255.254", .loopback),
    ("0.0.0.0", .unusable), ("0.1.2.3", .unusable), ("224.0.0.1", .unusable),
    ("255.255.255.255", .unusable), ("192.0.2.1", .unusable), ("198.51.100.1", .unusable),
    ("203.0.113.1", .unusable), ("198.18.0.1", .unusable), ("192.0.0.192", .unusable),
    ("2606:4700::1111", .publicInternet), ("2a00::1", .publicInternet),
    ("fd00:ec2::254", .privateNetwork), ("fc00::1", .privateNetwork), ("fec0::1", .privateNetwork),
    ("fe80::1", .linkLocal), ("febf::1", .linkLocal), ("::1", .loopback), ("::", .unusable),
    ("ff02::1", .unusable), ("2001:db8::1", .unusable), ("2001::1", .unusable),
    ("100::1", .unusable), ("64:ff9b:1::1", .unusable), ("::2", .unusable),
    ("::ffff:127.0.0.1", .loopback), ("::ffff:7f00:1", .loopback),
    ("::ffff:169.254.169.254", .linkLocal), ("::ffff:10.0.0.1", .privateNetwork),
    ("::ffff:8.8.8.8", .publicInternet), ("::ffff:0:127.0.0.1", .loopback),
    ("::127.0.0.1", .loopback), ("64:ff9b::127.0.0.1", .loopback),
    ("64:ff9b::8.8.8.8", .publicInternet), ("2002:7f00:1::", .loopback),
    ("2002:a9fe:a9fe::1", .linkLocal), ("2002:808:808::1", .publicInternet),
  ]

  @Test(arguments: classes)
  func `an address has the class of the host it leads to`(text: String, expected: AddressClass) {
    #expect(HostAddress(text)?.addressClass == expected)
  }

  @Test(arguments: ["", "localhost", "127.1", "2130706433", "0x7f.0.0.1", "::1%lo", "1.2.3.4 "])
  func `other texts are no addresses`(text: String) {
    #expect(HostAddress(text) == nil)
  }

  @Test func `a request for public addresses connects to no other`() {
    let rule = AddressRule(reach: .publicOnly)
    #expect(AddressClass.allCases.filter(rule.permits) == [.publicInternet])
  }

  @Test func `a request for this machine connects to no other`() {
    let rule = AddressRule(reach: .loopbackOnly)
    #expect(AddressClass.allCases.filter(rule.permits) == [.loopback])
  }

  @Test func `the operator's own host may have any address`() {
    let rule = AddressRule(reach: .anywhere)
    #expect(AddressClass.allCases.filter(rule.permits) == AddressClass.allCases)
  }

  @Test(arguments: AddressClass.allCases)
  func `a redirect leads outwards or stays where the request began`(origin: AddressClass) {
    var rule = AddressRule(reach: .anywhere)
    rule.origin = origin
    let expected: Set<AddressClass> =
      origin == .unusable ? [.publicInternet] : [.publicInternet, origin]
    #expect(Set(AddressClass.allCases.filter(rule.permits)) == expected)
  }

  // The names of one and the same listener; none of them may reach it.
  @Test(arguments: [
    "127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "2130706433", "0x7f000001",
    "0177.0.0.1", "127.1", "0.0.0.0",
  ])
  func `no connection is opened to a forbidden address, whatever its name`(
    host: String
  ) async throws {
    let server = try RawServer { peer in
      while peer.request() != nil { peer.reply() }
    }
    defer { server.stop() }
    let transport = try CurlTransport()
    let url = "http://\(host):\(server.port)/"
    let failure = await transport.failure(of: url, limits: .test(reach: .publicOnly))
    #expect(failure?.code == .addressRefused)
    // A permitted request afterwards is the first that the listener sees.
    _ = try await transport.send(
      HTTPRequest(url: server.url("/after")), limits: .test(reach: .loopbackOnly))
    #expect(server.accepts == 1)
    #expect(server.requests.map { $0.prefix(10) } == ["GET /after"])
  }

  @Test func `a pooled connection is no way around the rule`() async throws {
    let server = try RawServer { peer in
      while peer.request() != nil { peer.reply() }
    }
    defer { server.stop() }
    let transport = try CurlTransport()
    _ = try await transport.send(HTTPRequest(url: server.url()), limits: .test())
    let failure = await transport.failure(
      of: server.url("/second"), limits: .test(reach: .publicOnly))
    #expect(failure?.code == .addressRefused)
    #expect(server.requests.count == 1)
  }

  @Test(arguments: ["http://10.0.0.1:9/", "http://[fd00::1]:9/", "http://169.254.169.254/"])
  func `a request for this machine does not leave it`(url: String) async throws {
    let failure = try await CurlTransport().failure(of: url, limits: .test(reach: .loopbackOnly))
    #expect(failure?.code == .addressRefused)
  }
}
