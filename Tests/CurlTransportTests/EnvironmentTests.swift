import CurlTransport
import Glibc
import Testing
import WindlassCore
import WindlassWire

/// What the environment says to other clients and not to this one, in processes of their own.
struct EnvironmentTests {
  @Test func `proxies of the environment are not used`() async {
    await #expect(processExitsWith: .success) {
      let proxy = try RawServer { peer in
        while peer.request() != nil { peer.reply(body: Array("proxy".utf8)) }
      }
      let server = try RawServer { peer in
        while peer.request() != nil { peer.reply(body: Array("server".utf8)) }
      }
      for name in ["http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"] {
        setenv(name, proxy.url(), 1)
      }
      let reply = try await CurlTransport().send(
        HTTPRequest(url: server.url()), limits: .test())
      #expect(reply.body == Array("server".utf8))
      #expect(proxy.accepts == 0)
    }
  }

  @Test func `passwords of the home directory are not sent`() async {
    await #expect(processExitsWith: .success) {
      let workbench = try Workbench()
      try workbench.write("default login somebody password hunter2\n", to: ".netrc")
      setenv("HOME", workbench.path, 1)
      setenv("NETRC", "\(workbench.path)/.netrc", 1)
      let server = try RawServer { peer in
        while peer.request() != nil { peer.reply("401 Unauthorized") }
      }
      let reply = try await CurlTransport().send(
        HTTPRequest(url: server.url()), limits: .test())
      #expect(reply.status == 401)
      #expect(server.requests.count == 1)
      #expect(server.requests.allSatisfy { !$0.lowercased().contains("authorization") })
    }
  }
}
