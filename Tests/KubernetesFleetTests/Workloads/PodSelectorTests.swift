import Testing

@testable import KubernetesFleet

/// Which texts name pods by their labels, and which pods.
struct PodSelectorTests {
  @Test(arguments: [
    ("app=web", "app=web"), ("app in (web)", "app=web"),
    ("app in (web, web-primary)", "app in (web,web-primary)"),
    (
      "app in (web,web-primary),example.com/tier=a_b.c",
      "app in (web,web-primary),example.com/tier=a_b.c"
    ),
  ])
  func `labels and lists of their values are understood`(text: String, written: String) throws {
    let selector = try #require(PodSelector(text))
    #expect(selector.description == written)
    // What is sent to a server is understood as well.
    #expect(PodSelector(written) == selector)
    #expect(text.wholeMatch(of: try Regex(Patterns.podSelector)) != nil)
  }

  @Test(arguments: [
    "", "app", "app=", "=web", "app==web", "app!=web", "!app", "app notin (web)", "app in ()",
    "app in (web", "app in (web,)", "app in (web),", ",app=web", "app=web,,tier=a",
    "app=web tier=a", "app=we b", "app in(web)", "app=web;tier=a",
  ])
  func `anything else is none, for the definition as well`(text: String) throws {
    #expect(PodSelector(text) == nil)
    #expect(text.wholeMatch(of: try Regex(Patterns.podSelector)) == nil)
  }

  @Test func `a pod is one of them when every label is one of those that are listed`() throws {
    let selector = try #require(PodSelector("app in (web, web-primary),tier=front"))
    #expect(selector.selects(["app": "web", "tier": "front", "more": "x"]))
    #expect(selector.selects(["app": "web-primary", "tier": "front"]))
    #expect(!selector.selects(["app": "web-canary", "tier": "front"]))
    #expect(!selector.selects(["app": "web"]))
    #expect(!selector.selects([:]))
  }
}
