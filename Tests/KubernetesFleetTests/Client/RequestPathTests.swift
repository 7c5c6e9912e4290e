import Testing

@testable import KubernetesFleet

/// Paths and queries of requests.
struct RequestPathTests {
  @Test func `core and grouped kinds have paths of their own`() {
    #expect(
      RequestPath(ObjectReference(.pods, "web-0", in: "shop"))?.text
        == "/api/v1/namespaces/shop/pods/web-0")
    #expect(
      RequestPath(ObjectReference(.deployments, "web", in: "shop"), subresource: "scale")?.text
        == "/apis/apps/v1/namespaces/shop/deployments/web/scale")
    #expect(RequestPath(ObjectReference(.nodes, "n1", in: "shop"))?.text == "/api/v1/nodes/n1")
    #expect(
      RequestPath(.managedServices, in: nil)?.text == "/apis/windlass.dev/v1alpha1/managedservices")
  }

  @Test func `a query is sorted and encoded`() {
    var path = RequestPath(.pods, in: "shop")
    path?.query = ["limit": "5", "labelSelector": "app in (a,b),x!=é"]
    #expect(
      path?.text
        == "/api/v1/namespaces/shop/pods"
        + "?labelSelector=app%20in%20%28a%2Cb%29%2Cx%21%3D%C3%A9&limit=5")
  }

  @Test(arguments: ["", ".", "..", "a/b", "a%2fb", String(repeating: "x", count: 254)])
  func `a name that would reach another object has no path`(name: String) {
    #expect(RequestPath(ObjectReference(.pods, name, in: "shop")) == nil)
    #expect(RequestPath(.pods, in: name) == nil)
  }

  @Test func `an object of a namespaced kind needs a namespace`() {
    #expect(RequestPath(ObjectReference(.pods, "web-0")) == nil)
  }
}
