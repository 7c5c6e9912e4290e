import ProcessFleet
import Testing

@testable import windlass

@Suite struct LauncherWakeTests {
  @Test(arguments: [
    "http://127.0.0.1:9000/orders", "http://localhost:9000", "http://LOCALHOST/orders?of=shop",
    "http://127.9.8.7/", "http://[::1]:9000/orders", "http://[::1]",
  ])
  func `a launcher is told by a URL of its own pod`(url: String) {
    #expect(LauncherWake(text: url) == .webhook(url))
  }

  @Test(arguments: [
    "http://launcher.example/orders", "http://127.0.0.1.example/", "http://127.0.0.256/",
    "http://127.1/", "http://localhost.example:9000/", "http://10.0.0.1:9000/", "http://[::2]/",
    "http://[::1].example/", "http://user@127.0.0.1/", "https://127.0.0.1/", "file:///orders",
    "http://", "HUP", "",
  ])
  func `nobody else is told`(text: String) {
    #expect(LauncherWake(text: text) == nil)
  }

  @Test func `the file and a signal go by their names`() {
    #expect(LauncherWake(text: "file") == .file)
    #expect(LauncherWake(text: "signal") == .signal)
  }
}
