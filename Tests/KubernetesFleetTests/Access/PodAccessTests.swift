import Testing
import WindlassCore
import WindlassWire

@testable import KubernetesFleet

/// Finding the cluster that a program runs in, or is pointed to.
struct PodAccessTests {
  private let pod = ["KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"]

  private func account() throws -> Folder {
    let folder = try Folder()
    try folder.write("pod-token\n", to: "token")
    try folder.write("shop", to: "namespace")
    try folder.write("PEM", to: "ca.crt")
    return folder
  }

  @Test func `a pod has the server of its environment and the files of its account`() throws {
    let folder = try account()
    let access = try #require(
      try ClusterAccess(podEnvironment: pod, directory: folder.path))
    #expect(access.server == "https://10.0.0.1:443")
    #expect(access.namespace == "shop")
    #expect(access.security.authorities == .file("\(folder.path)/ca.crt"))
    #expect(access.source == .tokenFile("\(folder.path)/token"))
  }

  @Test func `an IPv6 address stands in brackets`() throws {
    let folder = try account()
    let access = try ClusterAccess(
      podEnvironment: ["KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"],
      directory: folder.path)
    #expect(access?.server == "https://[fd00::1]:443")
  }

  @Test func `a pod without a token is told how to get one`() throws {
    let folder = try Folder()
    let error = #expect(throws: AccessError.self) {
      try ClusterAccess(podEnvironment: pod, directory: folder.path)
    }
    #expect(error?.message.contains("automountServiceAccountToken") == true)
  }

  @Test func `outside a pod there is no access of a pod`() throws {
    let none = try ClusterAccess(podEnvironment: [:])
    #expect(none?.server == nil)
  }

  @Test func `a file that is named wins over the pod, the pod over the home folder`() throws {
    let folder = try account()
    let file = try folder.write(
      """
      current-context: c
      clusters: [{name: c, cluster: {server: "https://file.example"}}]
      contexts: [{name: c, context: {cluster: c}}]
      """, to: "config")
    let named = try ClusterAccess.find(
      environment: pod.merging(["KUBECONFIG": file]) { $1 }, accountDirectory: folder.path)
    #expect(named.server == "https://file.example")
    let given = try ClusterAccess.find(
      kubeconfig: file, environment: pod, accountDirectory: folder.path)
    #expect(given.server == "https://file.example")
    let inside = try ClusterAccess.find(
      environment: pod.merging(["HOME": folder.path]) { $1 }, accountDirectory: folder.path)
    #expect(inside.server == "https://10.0.0.1:443")
  }

  @Test func `a file that is named and missing is an error, and so is no cluster at all`() {
    let missing = #expect(throws: AccessError.self) {
      try ClusterAccess.find(kubeconfig: "/nonexistent/config", environment: pod)
    }
    #expect(missing?.code == .noConfiguration)
    let nothing = #expect(throws: AccessError.self) {
      try ClusterAccess.find(environment: ["HOME": "/nonexistent"])
    }
    #expect(nothing?.code == .noConfiguration)
  }
}
