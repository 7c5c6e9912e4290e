package import WindlassCore
package import WindlassWire

/// How one cluster is reached: what a kubeconfig's context or a pod's surroundings come to.
package struct ClusterAccess: Sendable {
  /// Where credentials come from.
  package enum Source: Hashable, Sendable {
    /// Nobody in particular.
    case anonymous
    case token(Secret)
    /// A file whose token others replace from time to time.
    case tokenFile(String)
    case plugin(Kubeconfig.Plugin)
  }

  /// Where this was found, for messages: `the context "prod"`, `the pod's ServiceAccount`.
  package var origin: String
  /// The server's URL without a slash at its end.
  package var server: String
  /// The namespace where none is named.
  package var namespace: String
  /// Without the identity of a plug-in, which comes with its credentials.
  package var security: HTTPSecurity
  package var source: Source
  /// The client certificate's files, read anew for each new connection pool.
  package var certificateFiles: (certificate: Kubeconfig.Content, key: Kubeconfig.KeyContent)?
  /// What a person should know and change; to be logged at each start.
  package var warnings: [String] = []

  /// The access of the context with that name, or of the current one.
  package init(_ config: Kubeconfig, context name: String? = nil) throws(AccessError) {
    guard let name = name ?? config.currentContext else {
      throw AccessError(
        .missing, "The kubeconfig has no current-context; name one with --context.")
    }
    guard let context = config.contexts[name] else {
      throw AccessError(
        .missing,
        "The kubeconfig has no context \"\(name)\"; it has: \(ClusterAccess.list(config.contexts))."
      )
    }
    guard let cluster = config.clusters[context.cluster] else {
      throw AccessError(
        .missing,
        "The context \"\(name)\" names the cluster \"\(context.cluster)\", which the kubeconfig "
          + "does not have; it has: \(ClusterAccess.list(config.clusters)).")
    }
    var user = Kubeconfig.User()
    if !context.user.isEmpty {
      guard let found = config.users[context.user] else {
        throw AccessError(
          .missing,
          "The context \"\(name)\" names the user \"\(context.user)\", which the kubeconfig does "
            + "not have; it has: \(ClusterAccess.list(config.users)).")
      }
      user = found
    }
    try self.init(origin: "the context \"\(name)\"", cluster, user)
    namespace = context.namespace ?? "default"
  }

  private init(
    origin: String, _ cluster: Kubeconfig.Cluster, _ user: Kubeconfig.User
  ) throws(AccessError) {
    if let unsupported = user.unsupported {
      throw AccessError(
        .unsupported,
        "The user of \(origin) has \(unsupported), which Windlass does not use. Give it a token, a "
          + "client certificate or an exec plug-in.")
    }
    if cluster.serverName != nil {
      throw AccessError(
        .unsupported,
        "The cluster of \(origin) has a tls-server-name, which Windlass does not use. Write a "
          + "server whose name is in its certificate.")
    }
    self.origin = origin
    server = try ClusterAccess.checked(server: cluster.server, origin)
    namespace = "default"
    security = HTTPSecurity(
      authorities: ClusterAccess.authorities(cluster.authorities),
      verifiesServer: !cluster.skipsVerification, proxy: cluster.proxy, multiplexes: true)
    source = ClusterAccess.source(user)
    switch (user.certificate, user.key) {
    case (let certificate?, let key?): certificateFiles = (certificate, key)
    case (nil, nil): break
    default:
      throw AccessError(
        .malformed,
        "The user of \(origin) has only one of client-certificate and client-key; give both.")
    }
    warnings = ClusterAccess.warnings(origin, cluster, server: server, source)
  }

  /// The last token of a user wins nothing over a file of tokens, which is newer.
  private static func source(_ user: Kubeconfig.User) -> Source {
    if let file = user.tokenFile { return .tokenFile(file) }
    if let token = user.token { return .token(token) }
    if let plugin = user.plugin { return .plugin(plugin) }
    return .anonymous
  }

  private static func authorities(_ content: Kubeconfig.Content?) -> HTTPSecurity.Authorities {
    switch content {
    case .data(let bytes): .pem(bytes)
    case .file(let path): .file(path)
    case nil: .system
    }
  }

  private static func warnings(
    _ origin: String, _ cluster: Kubeconfig.Cluster, server: String, _ source: Source
  ) -> [String] {
    var warnings: [String] = []
    if cluster.skipsVerification {
      warnings.append(
        "The server of \(origin) is NOT VERIFIED (insecure-skip-tls-verify): anybody on the way "
          + "can read the credentials and change every answer. Write its certificate-authority "
          + "instead.")
    }
    if server.hasPrefix("http://"), source != .anonymous {
      warnings.append(
        "The server of \(origin) is asked without TLS: anybody on the way can read the "
          + "credentials. Use https.")
    }
    return warnings
  }

  private static func checked(server: String, _ origin: String) throws(AccessError) -> String {
    // kubectl takes a server without a scheme; what it then means has changed over time.
    guard server.hasPrefix("https://") || server.hasPrefix("http://") else {
      throw AccessError(
        .malformed, "The server of \(origin) is no URL; write it as https://HOST:PORT.")
    }
    guard !server.contains("@"), !server.contains("?"), !server.contains("#") else {
      throw AccessError(
        .malformed,
        "The server of \(origin) holds a user or a query; write it as https://HOST:PORT."
      )
    }
    var server = server
    while server.hasSuffix("/") { server.removeLast() }
    return server
  }

  private static func list(_ entries: [String: some Any]) -> String {
    entries.isEmpty ? "none" : entries.keys.sorted().joined(separator: ", ")
  }
}

extension ClusterAccess {
  /// Where a pod finds what its ServiceAccount is given.
  package static let accountDirectory = "/var/run/secrets/kubernetes.io/serviceaccount"

  /// The access that a pod has by its ServiceAccount; nil where this is no pod.
  ///
  /// - Parameter directory: The folder of the account's token; another one in tests.
  package init?(
    podEnvironment: [String: String], directory: String = ClusterAccess.accountDirectory
  ) throws(AccessError) {
    guard let host = podEnvironment["KUBERNETES_SERVICE_HOST"], !host.isEmpty,
      let port = podEnvironment["KUBERNETES_SERVICE_PORT"], !port.isEmpty
    else { return nil }
    guard SmallFile.exists("\(directory)/token") else {
      throw AccessError(
        .missing,
        "This pod has no ServiceAccount token in \(directory); set automountServiceAccountToken: "
          + "true, or give a kubeconfig.")
    }
    var cluster = Kubeconfig.Cluster(
      server: host.contains(":") ? "https://[\(host)]:\(port)" : "https://\(host):\(port)")
    cluster.authorities = .file("\(directory)/ca.crt")
    var user = Kubeconfig.User()
    user.tokenFile = "\(directory)/token"
    try self.init(origin: "the pod's ServiceAccount", cluster, user)
    if SmallFile.exists("\(directory)/namespace") {
      namespace = try SmallFile.text("\(directory)/namespace", sizeMax: 4_096)
    }
  }

  /// Finds the cluster as controllers do: `path`, then `KUBECONFIG`, then the pod that this is,
  /// then the file of the home folder.
  package static func find(
    kubeconfig path: String? = nil, context: String? = nil, environment: [String: String],
    accountDirectory: String = ClusterAccess.accountDirectory
  ) throws(AccessError) -> ClusterAccess {
    let (paths, areNamed) = Kubeconfig.paths(environment: environment)
    if let named = path.map({ [$0] }) ?? (areNamed ? paths : nil) {
      guard let config = try Kubeconfig.load(named) else {
        throw AccessError(
          .noConfiguration,
          "There is no kubeconfig at \(named.joined(separator: ", ")); correct --kubeconfig or "
            + "KUBECONFIG.")
      }
      return try ClusterAccess(config, context: context)
    }
    if context == nil,
      let pod = try ClusterAccess(podEnvironment: environment, directory: accountDirectory)
    {
      return pod
    }
    guard let config = try Kubeconfig.load(paths) else {
      throw AccessError(
        .noConfiguration,
        "No cluster is configured: there is no \(paths.first ?? "~/.kube/config"), and this is no "
          + "pod. Give --kubeconfig FILE.")
    }
    return try ClusterAccess(config, context: context)
  }
}
