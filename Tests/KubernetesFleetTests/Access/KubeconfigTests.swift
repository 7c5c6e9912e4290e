import Testing
import WindlassCore
import WindlassWire

@testable import KubernetesFleet

/// Reading, merging and resolving of kubeconfig files.
struct KubeconfigTests {
  private func load(_ text: String) throws -> Kubeconfig {
    let folder = try Folder()
    let config = try Kubeconfig.load([try folder.write(text, to: "config")])
    return try #require(config)
  }

  private let whole = """
    apiVersion: v1
    kind: Config
    current-context: prod
    preferences: {}
    clusters:
    - name: prod
      cluster:
        server: https://prod.example:6443
        certificate-authority-data: LS0tCg==
        proxy-url: http://proxy.example:3128
    - name: dev
      cluster: {server: "https://dev.example", certificate-authority: ca.pem}
    users:
    - name: ann
      user: {token: abc}
    - name: bob
      user: {client-certificate-data: Y2VydA==, client-key-data: a2V5}
    contexts:
    - name: prod
      context: {cluster: prod, user: ann, namespace: shop}
    - name: dev
      context: {cluster: dev, user: bob}
    """

  @Test func `the current context gives server, authority, token and namespace`() throws {
    let access = try ClusterAccess(try load(whole))
    #expect(access.server == "https://prod.example:6443")
    #expect(access.namespace == "shop")
    #expect(access.security.authorities == .pem(Array("---\n".utf8)))
    #expect(access.security.proxy == Secret("http://proxy.example:3128"))
    #expect(access.security.verifiesServer)
    #expect(access.security.multiplexes)
    #expect(access.source == .token(Secret("abc")))
    #expect(access.warnings.isEmpty)
  }

  @Test func `a context that is named wins over the current one`() throws {
    let access = try ClusterAccess(try load(whole), context: "dev")
    #expect(access.server == "https://dev.example")
    #expect(access.namespace == "default")
    let files = try #require(access.certificateFiles)
    #expect(files.certificate == .data(Array("cert".utf8)))
    #expect(files.key == .data(Secret("key")))
  }

  @Test func `a path counts from the folder of its file`() throws {
    let folder = try Folder()
    let path = try folder.write(whole, to: "config")
    let config = try #require(try Kubeconfig.load([path]))
    #expect(config.clusters["dev"]?.authorities == .file("\(folder.path)/ca.pem"))
  }

  @Test func `of several files the first that says something holds`() throws {
    let folder = try Folder()
    let first = try folder.write(
      """
      clusters: [{name: prod, cluster: {server: "https://mine.example"}}]
      contexts: [{name: mine, context: {cluster: prod, user: ann}}]
      current-context: ""
      """, to: "first")
    let second = try folder.write(whole, to: "second")
    let config = try #require(
      try Kubeconfig.load([first, "\(folder.path)/missing", second]))
    #expect(config.currentContext == "prod")
    #expect(config.clusters["prod"]?.server == "https://mine.example")
    #expect(config.contexts.keys.sorted() == ["dev", "mine", "prod"])
    #expect(config.users.keys.sorted() == ["ann", "bob"])
  }

  @Test func `KUBECONFIG lists files, each once, and the home folder is asked without it`() {
    let named = Kubeconfig.paths(environment: ["KUBECONFIG": "/a:/b::/a", "HOME": "/home/ann"])
    #expect(named.paths == ["/a", "/b"])
    #expect(named.areNamed)
    let home = Kubeconfig.paths(environment: ["KUBECONFIG": "", "HOME": "/home/ann"])
    #expect(home.paths == ["/home/ann/.kube/config"])
    #expect(!home.areNamed)
  }

  @Test func `an unverified server is told loudly`() throws {
    let access = try ClusterAccess(
      try load(
        """
        current-context: c
        clusters: [{name: c, cluster: {server: "https://x", insecure-skip-tls-verify: true}}]
        contexts: [{name: c, context: {cluster: c, user: ""}}]
        """))
    #expect(!access.security.verifiesServer)
    #expect(access.warnings.count == 1)
    #expect(access.warnings[0].contains("NOT VERIFIED"))
    #expect(access.source == .anonymous)
  }

  @Test func `credentials over plain HTTP are warned of`() throws {
    let access = try ClusterAccess(try .test(server: "http://127.0.0.1:8001"))
    #expect(access.warnings.count == 1)
    #expect(try ClusterAccess(try .test(server: "http://h", token: nil)).warnings.isEmpty)
  }

  @Test(arguments: [
    ("username: ann, password: hunter2", "a user name and a password"),
    ("auth-provider: {name: gcp}", "an auth-provider"), ("as: root", "another user's rights"),
  ])
  func `what is not done is refused by name and without its secret`(
    user: String, named: String
  ) throws {
    let config = try load(
      """
      current-context: c
      clusters: [{name: c, cluster: {server: "https://x"}}]
      users: [{name: u, user: {\(user)}}]
      contexts: [{name: c, context: {cluster: c, user: u}}]
      """)
    let error = #expect(throws: AccessError.self) { try ClusterAccess(config) }
    #expect(error?.code == .unsupported)
    #expect(error?.message.contains(named) == true)
    #expect(error?.message.contains("hunter2") == false)
  }

  @Test func `a name that nothing has is told with the names that are there`() throws {
    let config = try load(whole)
    let context = #expect(throws: AccessError.self) { try ClusterAccess(config, context: "x") }
    #expect(context?.message.contains("it has: dev, prod") == true)
    var broken = config
    broken.clusters["prod"] = nil
    let cluster = #expect(throws: AccessError.self) { try ClusterAccess(broken) }
    #expect(cluster?.message.contains("names the cluster \"prod\"") == true)
    broken = config
    broken.users["ann"] = nil
    #expect(throws: AccessError.self) { try ClusterAccess(broken) }
    broken = config
    broken.currentContext = nil
    #expect(throws: AccessError.self) { try ClusterAccess(broken) }
  }

  @Test(arguments: [
    "users: [{name: u, user: {token: \"hunter2\n",
    "clusters: [{name: c, cluster: {server: \"https://x\", certificate-authority-data: \"*\"}}]",
    "clusters: [{cluster: {server: \"https://x\"}}]", "clusters: [{name: c, cluster: {}}]",
    "contexts: [{name: c, context: {user: u}}]", "- a list", "apiVersion: v2",
    "clusters: {name: c}",
    "clusters: [{name: c, cluster: {server: x, insecure-skip-tls-verify: maybe}}]",
  ])
  func `a file that is none is refused, and no secret of it is shown`(text: String) {
    let error = #expect(throws: AccessError.self) { try load(text) }
    #expect(error?.code == .malformed)
    #expect(error?.message.contains("hunter2") == false)
  }

  @Test func `half a client certificate is refused`() throws {
    var config = try Kubeconfig.test()
    config.users["test"]?.certificate = .data([1])
    #expect(throws: AccessError.self) { try ClusterAccess(config) }
  }

  @Test(arguments: ["cluster.example", "https://user:pw@cluster.example", "https://x/?a=b"])
  func `a server that is no plain URL is refused`(server: String) {
    let error = #expect(throws: AccessError.self) {
      try ClusterAccess(try .test(server: server))
    }
    #expect(error?.message.contains("pw") == false)
  }

  @Test func `a plug-in is read with its arguments, variables and hint`() throws {
    let config = try load(
      """
      users:
      - name: u
        user:
          exec:
            apiVersion: client.authentication.k8s.io/v1
            command: ./bin/token
            args: [get, --id, 7]
            env: [{name: PROFILE, value: prod}]
            installHint: apt install token
            interactiveMode: Never
            provideClusterInfo: true
      """)
    let plugin = try #require(config.users["u"]?.plugin)
    #expect(plugin.command.hasSuffix("/./bin/token"))
    #expect(plugin.arguments == ["get", "--id", "7"])
    #expect(plugin.environment.map(\.name) == ["PROFILE"])
    #expect(plugin.wantsClusterInfo)
    #expect(plugin.interactiveMode == "Never")
    #expect(plugin.installHint == "apt install token")
  }
}
