import Testing

@testable import WindlassStatus

/// Where one may ask to be listened.
struct ListenAddressTests {
  @Test(arguments: [
    ("127.0.0.1:8080", ["127.0.0.1"], 8_080), ("[::1]:80", ["::1"], 80),
    (":8080", ["::", "0.0.0.0"], 8_080), ("0.0.0.0:65535", ["0.0.0.0"], 65_535),
    ("127.0.0.1:0", ["127.0.0.1"], 0),
  ])
  func `an address is read, and written as it was`(text: String, hosts: [String], port: Int) throws
  {
    let address = try #require(ListenAddress(text))
    #expect(address.hosts == hosts)
    #expect(address.port == port)
    #expect(address.description == text)
  }

  @Test(arguments: [
    "", "8080", "127.0.0.1", "localhost:80", "::1:80", "[::1]", "1.2.3.4:65536", "1.2.3.4:-1",
    "1.2.3.4:+80", "1.2.3:80", "[]:80", "*:80", ":",
  ])
  func `what is none is refused`(text: String) {
    #expect(ListenAddress(text) == nil)
  }
}
