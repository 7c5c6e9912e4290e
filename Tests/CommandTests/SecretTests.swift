import Testing
import WindlassCore

@testable import windlass

@Suite struct SecretTests {
  @Test func `a secret shows three stars however it is printed`() {
    let secret = Secret("sqlite:///hunter2")
    var dumped = ""
    dump(secret, to: &dumped)
    let shown = ["\(secret)", String(describing: secret), String(reflecting: secret), dumped]
    #expect(shown.allSatisfy { $0.contains("***") && !$0.contains("hunter2") })
    #expect(!"\(Optional(secret) as Any) \([secret])".contains("hunter2"))
    #expect(Mirror(reflecting: secret).children.isEmpty)
  }

  @Test func `a secret inside another value stays hidden`() {
    struct Holder { var secret: Secret }
    var dumped = ""
    dump(Holder(secret: Secret("hunter2")), to: &dumped)
    #expect(!dumped.contains("hunter2"))
    #expect(!"\(Holder(secret: Secret("hunter2")))".contains("hunter2"))
  }
}
